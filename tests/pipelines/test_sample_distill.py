"""Pictures to quadruples to a student, in memory, on a fake teacher."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import torch
from kedro.io import DataCatalog, MemoryDataset
from kedro.runner import SequentialRunner
from tests.core.training.test_distil import OBJECTIVE, OPTIMIZATION
from tests.fakes import TINY_SAMPLING, tiny_student_config, tiny_teacher, write_images

from dd3g_kedro.core.errors import MissingWeights
from dd3g_kedro.core.objective.config import ObjectiveConfig
from dd3g_kedro.core.quadruples.shards import QuadrupleShards
from dd3g_kedro.core.student.weights import Student
from dd3g_kedro.datasets.folder import FileDataset
from dd3g_kedro.datasets.step_log import StepLog
from dd3g_kedro.datasets.student_weights import StudentWeightsDataset
from dd3g_kedro.pictures.input_images import pictures_in
from dd3g_kedro.pipelines import distill, sample
from dd3g_kedro.pipelines.distill.nodes import Distillation
from dd3g_kedro.registry.release import StudentRelease

DISTILLATION = Distillation(
    optimization=replace(OPTIMIZATION, steps=2), start="random", perceptual="encoder_features"
)


def held(**values: object) -> dict[str, MemoryDataset]:
    return {name: MemoryDataset(value, copy_mode="assign") for name, value in values.items()}


def table_of(images: dict[str, Path]) -> pd.DataFrame:
    """All are accepted but one."""
    rows = [(image_id, path.name, path.name != "disc1.png") for image_id, path in images.items()]
    return pd.DataFrame(rows, columns=["image_id", "file", "accepted"])


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with pictures and the quadruples that `sample` made of the accepted ones."""
    folder = tmp_path_factory.mktemp("chain")
    images = write_images(folder / "images", 3)
    values = held(
        image_table=table_of(images),
        collected_images=folder / "images",
        teacher=tiny_teacher(),
        quadruples_destination=folder / "quadruples",
    )
    catalog = DataCatalog(values | held(**{"params:sampling": TINY_SAMPLING}))
    made = SequentialRunner().run(sample.create_pipeline(), catalog)
    assert made["quadruples"].load() == folder / "quadruples"
    return folder


def test_sample_asks_the_teacher_about_accepted_pictures_alone(place):
    shards, images = QuadrupleShards(place / "quadruples"), pictures_in(place / "images")
    asked = {images[shards[i].image_id].name for i in range(len(shards))}
    assert asked == {"disc0.png", "disc2.png"}
    assert len(shards) == 2 * TINY_SAMPLING.seeds_per_image
    assert shards[0].teacher == "tiny-0"


def distilled(
    place: Path,
    folder: Path,
    objective: ObjectiveConfig = OBJECTIVE,
    distillation: Distillation = DISTILLATION,
) -> tuple[Student, StudentRelease]:
    """`distill`, its files in `folder`."""
    (folder / "checkpoints").mkdir(parents=True, exist_ok=True)
    values = held(
        quadruples=QuadrupleShards(place / "quadruples"),
        image_table=table_of(pictures_in(place / "images")),
        collected_images=place / "images",
        teacher=tiny_teacher(),
        student_initial=None,
        training_checkpoints=folder / "checkpoints",
        distill_log=StepLog(folder / "steps.jsonl"),
    )
    told = {"student": tiny_student_config(), "objective": objective, "distillation": distillation}
    weights = str(folder / "student.safetensors")
    catalog = DataCatalog(
        values
        | held(**{f"params:{name}": value for name, value in told.items()})
        | {
            "student": StudentWeightsDataset(filepath=weights),
            "student_file": FileDataset(filepath=weights, key="student_file"),
            "student_registry": MemoryDataset(copy_mode="assign"),
        }
    )
    SequentialRunner().run(distill.create_pipeline(), catalog)
    return catalog.load("student"), catalog.load("student_registry")


def test_distill_makes_a_student_and_tells_the_registry_of_it(place, tmp_path):
    student, release = distilled(place, tmp_path)
    beginner = Student.from_config(tiny_student_config(), 0).state_dict()
    moved = [not torch.equal(beginner[name], value) for name, value in student.state_dict().items()]
    assert sum(moved) > 0.8 * len(moved)
    assert release.weights == tmp_path / "student.safetensors"
    assert "2 steps of 2, started from random" in release.card
    assert [record["step"] for record in StepLog(tmp_path / "steps.jsonl").records()] == [0, 1]


def test_a_changed_objective_makes_what_a_fresh_folder_makes(place, tmp_path, caplog):
    caplog.set_level(logging.INFO, "dd3g_kedro")
    files = {}
    stronger = replace(OBJECTIVE, opacity_weight=5.0)
    for folder, objective in (
        ("used", OBJECTIVE),
        ("used", stronger),
        ("fresh", stronger),
        ("used", OBJECTIVE),
    ):
        distilled(place, tmp_path / folder, objective)
        content = (tmp_path / folder / "student.safetensors").read_bytes()
        files.setdefault((folder, objective.opacity_weight), []).append(content)
    assert files["used", 5.0] == files["fresh", 5.0]
    first, given_back = files["used", 0.001]
    assert first == given_back != files["used", 5.0][0]
    assert caplog.text.count("differs: objective.opacity_weight: 5.0, not 0.001") == 1
    assert caplog.text.count("goes on at step 2 of 2") == 1


def test_a_start_that_is_not_there_says_what_to_do(place, tmp_path):
    with pytest.raises(MissingWeights, match=r"start anew: --params distillation\.start=random"):
        distilled(place, tmp_path, distillation=replace(DISTILLATION, start="initial"))
