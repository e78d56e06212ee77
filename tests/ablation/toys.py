"""All that a row needs, at toy size."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import trimesh
import yaml
from tests.fakes import SIZE, TINY_SAMPLING, tiny_quadruples, tiny_student_config
from tests.known_objects import png, protocol_file, stored_views, views_table

from dd3g_kedro.ablation.config import ROWS, AblateConfig
from dd3g_kedro.ablation.held_out import held_out_sampling, write_held_out
from dd3g_kedro.ablation.run import Benchmark
from dd3g_kedro.benchmark.config import EvaluateConfig
from dd3g_kedro.benchmark.truth.stored_views import StoredViews
from dd3g_kedro.core.objective.config import ExplicitSupervision, ObjectiveConfig, Verification
from dd3g_kedro.core.quadruples.shards import QuadrupleShards
from dd3g_kedro.core.teacher.teacher import Teacher
from dd3g_kedro.factory.sampling import sample
from dd3g_kedro.pictures.input_images import pictures_in

OBJECTIVE = ObjectiveConfig(
    explicit=ExplicitSupervision(mse_weight=0.5, perceptual_weight=0.5),
    verification=Verification(
        timesteps=(20, 300), elevation_deg=(-5, 5), weighting="x0_reconstruction", scale=0.001
    ),
    weight_cap=0.4,
    opacity_weight=0.001,
)
STUDENT = tiny_student_config()


def evaluate_config(folder: Path) -> EvaluateConfig:
    """A protocol at the toys' size, its file in `folder`."""
    return EvaluateConfig(
        protocol=protocol_file(folder, size=SIZE),
        lpips={"vgg": None, "alex": None},  # type: ignore[arg-type]
        sheet_objects=1,
    )


def ablate_config(steps: int = 2, **changes: object) -> AblateConfig:
    """The rows of `smoke` that fit a student of two blocks; the others are left out."""
    root = Path(__file__).parents[2] / "conf" / "base"
    numbers = yaml.safe_load((root / "parameters_ablate.yml").read_text())["ablate"]
    rows = dict.fromkeys(ROWS) | {
        name: numbers["rows"][name]
        for name in ("pd_only", "pepd", "explicit", "joint", "synthetic_40", "true_views")
    }
    optimization = {
        **{"steps": steps, "batch_size": 2, "learning_rate": 1e-3, "mixed_precision": "no"},
        **{"log_every": 1, "picture_every": 100, "checkpoint_every": 1},
    }
    small = {"optimization": optimization, "rows": rows, "perceptual": "encoder_features"}
    return AblateConfig(**small | changes)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Toys:
    """A teacher with its quadruples, and a benchmark."""

    shards: QuadrupleShards
    images: dict[str, Path]
    teacher: Teacher
    benchmark: Benchmark


def small_views(folder: Path) -> StoredViews:
    """Two benchmark objects at the toys' size."""
    import io

    from PIL import Image
    from torchvision.transforms.functional import to_tensor

    table = views_table(2)

    def shrunk(data: bytes) -> bytes:
        picture = Image.open(io.BytesIO(data)).resize((SIZE, SIZE), Image.Resampling.NEAREST)
        return png(to_tensor(picture))

    table["png"] = [shrunk(data) for data in table["png"]]
    return stored_views(table, folder)


def true_views_in(folder: Path) -> Path:
    """Two objects that the teacher's first stage has drawn, each from eight sides of two rings."""
    from dd3g_kedro.mini_teacher.config import ViewRendering
    from dd3g_kedro.mini_teacher.drawing import draw_views

    meshes = []
    for number, color in enumerate(([200, 30, 30, 255], [30, 30, 200, 255])):
        box = trimesh.creation.box((1, 0.5, 0.3 + 0.4 * number))
        box.visual.vertex_colors = [color] * len(box.vertices)
        meshes.append(folder / f"box{number}.glb")
        box.export(meshes[-1])
    rendering = ViewRendering(size=SIZE, azimuths=8, elevations_deg=((10, 20), (5, 5)))
    draw_views(meshes, folder / "training_views", rendering, STUDENT.rig)
    return folder / "training_views"


def make_toys(folder: Path) -> Toys:
    """Two images, two quadruples each; two held-out images, two quadruples each."""
    shards, images, teacher = tiny_quadruples(folder, count=2)
    stored, pictures = small_views(folder), folder / "held_out_images"
    pictures.mkdir()
    config = ablate_config()
    evaluate = evaluate_config(folder)
    write_held_out(stored, evaluate, config.held_out, pictures)
    sampling = held_out_sampling(replace(TINY_SAMPLING, batch_size=2), config.held_out)
    held_out = sample(pictures_in(pictures), teacher, sampling, folder / "held_out")
    benchmark = Benchmark(stored, evaluate, QuadrupleShards(held_out), pictures)
    return Toys(shards, images, teacher, benchmark)
