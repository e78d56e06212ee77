"""A used checkout makes what a fresh one makes, byte for byte, after any change that matters."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kedro.config import OmegaConfigLoader
from kedro.framework.startup import bootstrap_project
from kedro.io import DataCatalog, MemoryDataset
from kedro.pipeline import Pipeline
from kedro.runner import SequentialRunner
from kedro.validation import TypeExtractor

from dd3g_kedro.core.config_building import build
from dd3g_kedro.core.errors import InvalidImage
from dd3g_kedro.core.kept import KEPT

CHAIN = ("collect", "validate", "teacher", "sample")
DATA = "data/smoke"
SMALLER = {  # than smoke
    "collect.drawing": {"size": 32, "supersample": 1},
    "collect.objects.count": 3,
    "teacher_training.autoencoder": {"steps": 2, "mixed_precision": "no"},
    "teacher_training.denoiser": {"steps": 2, "mixed_precision": "no"},
    "sampling.steps": 2,
    "sampling.shard_size": 2,
    "distillation.optimization": {"steps": 2, "mixed_precision": "no"},
}
MADE = (
    "01_raw",
    "02_intermediate/training_views",
    "05_model_input/quadruples",
    "06_models/teacher",
)


def changed(parameters: dict[str, Any], key: str, value: object) -> None:
    *places, last = key.split(".")
    for place in places:
        parameters = parameters[place]
    before = parameters.get(last)
    parameters[last] = {**before, **value} if isinstance(value, dict) else value


@pytest.fixture(scope="module")
def chain(project) -> Callable[..., Path]:
    """Runs pipelines of the smoke environment in a folder of their own."""
    bootstrap_project(project)
    from dd3g_kedro.pipeline_registry import register_pipelines
    from dd3g_kedro.settings import CONFIG_LOADER_ARGS

    pipelines = register_pipelines()
    types = TypeExtractor(pipelines).extract_types_from_pipelines()

    def run(folder: Path, names: tuple[str, ...] = CHAIN, **changes: object) -> Path:
        arguments = CONFIG_LOADER_ARGS | {"default_run_env": "base"}
        loader = OmegaConfigLoader(str(project / "conf"), env="smoke", **arguments)
        parameters = dict(loader["parameters"])
        for key, value in (SMALLER | changes).items():
            changed(parameters, key, value)
        with pytest.MonkeyPatch.context() as patch:
            folder.mkdir(parents=True, exist_ok=True)
            patch.chdir(folder)
            for name in names:
                wanted: Pipeline = pipelines[name]
                if name == "teacher":
                    wanted = wanted.filter(to_outputs=["teacher"])
                if name == "distill":
                    wanted = wanted.filter(node_names=["distil_student"])
                entries = {n: loader["catalog"][n] for n in wanted.datasets() if "param" not in n}
                catalog = DataCatalog.from_config(entries)
                for each in (n for n in wanted.inputs() if n.startswith("params:")):
                    key = each.removeprefix("params:")
                    value = build(types[key], parameters[key], key)
                    catalog[each] = MemoryDataset(value, copy_mode="assign")
                SequentialRunner().run(wanted, catalog)
        return folder / DATA

    return run


def made(data: Path) -> dict[str, bytes]:
    files = (p for place in MADE for p in (data / place).rglob("*") if p.is_file())
    found = {p.relative_to(data): p.read_bytes() for p in files}
    beside = {KEPT, "image_inspections"}  # of no stage's outputs
    return {str(p): content for p, content in found.items() if not beside & set(p.parts)}


@pytest.fixture(scope="module")
def used(chain, tmp_path_factory) -> Path:
    return chain(tmp_path_factory.mktemp("used"))


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes",
    [
        {"collect.objects.count": 2, "sampling.guidance_scale": 3.0},  # a mesh fewer
        {"teacher_training.views": {"seed": 1, "reach": 0.3}},
        {"teacher_training.seed": 1},
    ],
)
def test_a_used_folder_ends_like_a_fresh_one(chain, used, tmp_path, changes):
    again = shutil.copytree(used.parents[1], tmp_path / "used")
    one, other = made(chain(again, **changes)), made(chain(tmp_path / "fresh", **changes))
    assert one.keys() == other.keys()
    assert [name for name in one if one[name] != other[name]] == []
    assert one != made(used)


@pytest.mark.slow
def test_a_student_of_changed_parameters_is_that_of_a_fresh_folder(chain, used, tmp_path):
    def copied(name: str) -> Path:
        return shutil.copytree(used.parents[1], tmp_path / name)

    def student(folder: Path, **changes: object) -> bytes:
        return (
            chain(folder, ("distill",), **changes) / "06_models/student.safetensors"
        ).read_bytes()

    taught = copied("used")
    found = [student(taught)]
    for number, changes in enumerate(
        (
            {"objective.explicit": {"mse_weight": 50.0}},
            {"student.pepd.progressive_decoding.mean_bound": 1.6},
        )
    ):
        again = student(taught, **changes)
        assert again == student(copied(f"fresh{number}"), **changes)
        assert again not in found
        found.append(again)
    assert student(taught) == found[0]


@pytest.mark.slow
def test_a_renamed_picture_is_found_and_a_changed_one_is_refused(chain, used, tmp_path):
    folder = shutil.copytree(used.parents[1], tmp_path / "used")
    pictures = sorted((folder / DATA / "01_raw/images").glob("*.png"))
    before = made(folder / DATA)
    pictures[0].rename(pictures[0].with_name("renamed.png"))
    chain(folder, ("validate", "sample", "distill"))
    quadruples = {name: content for name, content in before.items() if "quadruples" in name}
    assert quadruples.items() <= made(folder / DATA).items()
    shutil.copy(pictures[2], pictures[1])
    with pytest.raises(InvalidImage, match=rf"{pictures[1].name}: the picture has changed"):
        chain(folder, ("distill",))
    with pytest.raises(InvalidImage, match="expected a picture with this id"):
        chain(folder, ("validate", "distill"))
