"""Meshes in, a mini teacher out."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dd3g_kedro.core.config_building import build_fields
from dd3g_kedro.core.training.config import Optimization
from dd3g_kedro.mini_teacher.config import (
    AutoencoderObjective,
    DenoiserObjective,
    MiniTeacherConfig,
    TeacherMeasurement,
    ViewAugmentation,
    ViewRendering,
)
from dd3g_kedro.released.config import TeacherOrigin

if TYPE_CHECKING:
    from dd3g_kedro.core.teacher.teacher import Teacher
    from dd3g_kedro.core.training.reporting import StepReports


@dataclass(frozen=True, kw_only=True)
class TeacherTraining:
    """Everything that `kedro run --pipelines=teacher` may be told."""

    meshes: tuple[str, ...]  # folders of .glb, .gltf or .obj files, with or without catalog.csv
    held_out: tuple[str, ...]  # folders that are measured on; only `split: test` of a catalog
    views: ViewRendering
    augmentation: ViewAugmentation
    autoencoder_objective: AutoencoderObjective
    autoencoder: Optimization
    denoiser: Optimization
    measurement: TeacherMeasurement
    seed: int = 0
    go_on: bool = False  # start from the present teacher, grown where mini_teacher is larger
    denoiser_objective: DenoiserObjective = field(default_factory=DenoiserObjective)

    def __post_init__(self) -> None:
        build_fields(self, "teacher_training")


def _check_trained(origin: TeacherOrigin) -> None:
    if origin.kind != "mini":
        raise ValueError(
            f"teacher.kind is {origin.kind} in this environment: such a teacher is not trained, "
            f"its released weights ({origin.weights}) are converted, once, by "
            "`kedro run --env=paper --pipelines=convert`. To train a mini teacher, choose an "
            "environment where teacher.kind is mini, such as base or gpu"
        )


def _to_go_on_from(present: Teacher | None) -> Teacher:
    if present is None:
        raise ValueError(
            "teacher_training.go_on is true, but there is no teacher to go on from; run "
            "`dvc pull`, or set it to false"
        )
    return present


def draw_training_views(
    teacher_training: TeacherTraining,
    mini_teacher: MiniTeacherConfig,
    origin: TeacherOrigin,
    destination: Path,
) -> Path:
    """Draw every training mesh from all sides."""
    _check_trained(origin)
    from dd3g_kedro.mini_teacher.drawing import draw_views, mesh_files

    folders = [Path(folder) for folder in teacher_training.meshes]
    meshes = mesh_files(folders, "train", "teacher_training.meshes")
    draw_views(meshes, destination, teacher_training.views, mini_teacher.rig)
    return destination


def train_autoencoder(
    training_views: Path,
    present: Teacher | None,
    teacher_training: TeacherTraining,
    mini_teacher: MiniTeacherConfig,
    origin: TeacherOrigin,
    checkpoints: Path,
    step_log: StepReports,
) -> Any:
    """Fit the VAE to single views; a training that goes on keeps the present one."""
    from dd3g_kedro.engine.ranks import on_all_devices
    from dd3g_kedro.mini_teacher.drawing import views_setting
    from dd3g_kedro.mini_teacher.model import build_mini_teacher
    from dd3g_kedro.mini_teacher.training import fit_autoencoder
    from dd3g_kedro.mini_teacher.views import ViewsFolder

    _check_trained(origin)
    if teacher_training.go_on:
        return _to_go_on_from(present).autoencoder
    teacher = build_mini_teacher(mini_teacher, teacher_training.seed)
    return on_all_devices(
        fit_autoencoder,
        teacher.autoencoder,
        ViewsFolder(training_views, views_setting(teacher_training.views, mini_teacher.rig)),
        teacher_training.autoencoder_objective,
        teacher_training.autoencoder,
        teacher_training.augmentation,
        checkpoints / "autoencoder",
        step_log,
        processes=teacher_training.autoencoder.processes,
    )


def train_teacher(
    training_views: Path,
    autoencoder: Any,
    present: Teacher | None,
    teacher_training: TeacherTraining,
    mini_teacher: MiniTeacherConfig,
    origin: TeacherOrigin,
    checkpoints: Path,
    step_log: StepReports,
) -> Teacher:
    """Fit the U-Net and the image encoder in the VAE's latents."""
    from dd3g_kedro.engine.ranks import on_all_devices
    from dd3g_kedro.mini_teacher.drawing import views_setting
    from dd3g_kedro.mini_teacher.growing import grown
    from dd3g_kedro.mini_teacher.model import build_mini_teacher
    from dd3g_kedro.mini_teacher.training import fit_denoiser
    from dd3g_kedro.mini_teacher.views import ViewsFolder

    _check_trained(origin)
    if teacher_training.go_on:
        teacher = grown(_to_go_on_from(present), mini_teacher, teacher_training.seed)
    else:
        teacher = build_mini_teacher(mini_teacher, teacher_training.seed)
        teacher.autoencoder = autoencoder
    return on_all_devices(
        fit_denoiser,
        teacher,
        ViewsFolder(training_views, views_setting(teacher_training.views, mini_teacher.rig)),
        teacher_training.denoiser,
        teacher_training.augmentation,
        checkpoints / "teacher",
        step_log,
        teacher_training.denoiser_objective,
        processes=teacher_training.denoiser.processes,
    )


def measure_teacher(
    teacher: Teacher, teacher_training: TeacherTraining
) -> tuple[dict[str, Any], Any, Any]:
    """PSNR of the four views of held-out meshes and of Gaussians fitted to them; two pictures."""
    from dd3g_kedro.mini_teacher.drawing import mesh_files
    from dd3g_kedro.mini_teacher.measures import measure_teacher as measured

    folders = [Path(folder) for folder in teacher_training.held_out]
    meshes = mesh_files(folders, "test", "teacher_training.held_out")
    scores, sheet, consistency = measured(teacher, meshes, teacher_training.measurement)
    return asdict(scores), sheet, consistency
