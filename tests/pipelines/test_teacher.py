"""Meshes to a mini teacher, in memory; and what a teacher that is not trained says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import trimesh
from kedro.io import DataCatalog, MemoryDataset
from kedro.runner import SequentialRunner
from tests.fakes import SIZE, tiny_mini_config

from dd3g_kedro.core.teacher.teacher import Teacher
from dd3g_kedro.core.training.config import Optimization
from dd3g_kedro.datasets.step_log import StepLog
from dd3g_kedro.datasets.teacher_folder import TeacherDataset
from dd3g_kedro.fitting.config import Cloud, FitConfig
from dd3g_kedro.mini_teacher.config import (
    AutoencoderObjective,
    TeacherMeasurement,
    ViewAugmentation,
    ViewRendering,
)
from dd3g_kedro.mini_teacher.model import build_mini_teacher
from dd3g_kedro.pipelines.teacher import create_pipeline
from dd3g_kedro.pipelines.teacher.nodes import TeacherTraining, train_teacher
from dd3g_kedro.released.config import TeacherOrigin

TWO_STEPS = Optimization(
    steps=2, batch_size=4, learning_rate=1e-3, mixed_precision="no", log_every=1
)
FIT = FitConfig(steps=2, dssim_weight=0.0, cloud=Cloud(gaussians=50, densification=None))


def training(meshes: Path, **changes: object) -> TeacherTraining:
    return TeacherTraining(
        **{
            "meshes": (str(meshes),),
            "held_out": (str(meshes),),
            "views": ViewRendering(size=SIZE, azimuths=4, elevations_deg=((5, 5), (0, 20))),
            "augmentation": ViewAugmentation(),
            "autoencoder_objective": AutoencoderObjective(),
            "autoencoder": TWO_STEPS,
            "denoiser": TWO_STEPS,
            "measurement": TeacherMeasurement(
                objects=1, seeds=1, steps=1, consistency_objects=1, fit=FIT
            ),
        }
        | changes
    )


def run(
    folder: Path, how: TeacherTraining, origin: TeacherOrigin, present: Teacher | None = None
) -> tuple[Teacher, dict[str, Any]]:
    (folder / "checkpoints").mkdir(exist_ok=True)
    values = {
        "params:teacher_training": how,
        "params:mini_teacher": tiny_mini_config(),
        "params:teacher": origin,
        "training_views_destination": folder / "views",
        "training_checkpoints": folder / "checkpoints",
        "autoencoder_log": StepLog(folder / "autoencoder.jsonl"),
        "teacher_log": StepLog(folder / "denoiser.jsonl"),
        "teacher_present": present,
    }
    stored = TeacherDataset(filepath=str(folder / "teacher"))
    catalog = DataCatalog(
        {name: MemoryDataset(value, copy_mode="assign") for name, value in values.items()}
        | {"teacher_autoencoder": MemoryDataset(copy_mode="assign"), "teacher": stored}
    )
    made = SequentialRunner().run(create_pipeline(), catalog)
    return stored.load(), made["teacher_scores"].load()


@pytest.fixture
def meshes(tmp_path: Path) -> Path:
    folder = tmp_path / "meshes"
    folder.mkdir()
    for number in range(2):
        trimesh.creation.box((0.5, 0.4, 0.3 + 0.2 * number)).export(folder / f"{number}.glb")
    return folder


def steps(path: Path) -> list[int]:
    return [record["step"] for record in StepLog(path).records()]


def test_meshes_become_a_teacher_and_another_start_another_teacher(tmp_path, meshes):
    origin = TeacherOrigin(kind="mini")
    teacher, scores = run(tmp_path, training(meshes), origin)
    assert scores["objects"] == 1
    assert steps(tmp_path / "autoencoder.jsonl") == steps(tmp_path / "denoiser.jsonl") == [0, 1]
    begun = build_mini_teacher(tiny_mini_config(), 0).state_dict()
    ended = teacher.state_dict()  # stored in float16
    moved = [name for name in begun if not torch.equal(begun[name].half().float(), ended[name])]
    assert any(name.startswith("unet") for name in moved)
    assert any(name.startswith("autoencoder") for name in moved)  # as the VAE's training left it
    present = build_mini_teacher(tiny_mini_config(), 7)
    went_on, _ = run(tmp_path, training(meshes, go_on=True), origin, present)
    assert not torch.equal(
        went_on.autoencoder.encoder.conv_in.weight, teacher.autoencoder.encoder.conv_in.weight
    )
    assert len(list((tmp_path / "checkpoints" / "teacher").glob("*.pt"))) == 2


def test_a_released_teacher_is_not_trained(tmp_path, meshes):
    with pytest.raises(ValueError, match=r"teacher\.kind is imagedream.*pipelines=convert"):
        run(tmp_path, training(meshes), TeacherOrigin(kind="imagedream", weights="w"))


def test_there_must_be_a_teacher_to_go_on_from(tmp_path, meshes):
    with pytest.raises(ValueError, match="go_on is true, but there is no teacher"):
        train_teacher(
            *(tmp_path, None, None, training(meshes, go_on=True), tiny_mini_config()),
            *(TeacherOrigin(kind="mini"), tmp_path, StepLog(tmp_path / "denoiser.jsonl")),
        )
