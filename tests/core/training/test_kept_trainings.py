"""A distillation is taken up again only under everything that it was made of."""

from __future__ import annotations

import logging
import os
import signal
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pytest
import torch
from tests.core.training.test_distil import ENCODER_FEATURES, OBJECTIVE, OPTIMIZATION
from tests.fakes import SIZE, tiny_quadruples, tiny_student, tiny_student_config, tiny_teacher

from dd3g_kedro.core.objective.config import ObjectiveConfig
from dd3g_kedro.core.student.weights import Student
from dd3g_kedro.core.teacher.teacher import Teacher
from dd3g_kedro.core.training.config import Optimization
from dd3g_kedro.core.training.quadruple_batches import QuadrupleBatches
from dd3g_kedro.datasets.step_log import StepLog
from dd3g_kedro.factory.distillation import distil_on_all_devices
from dd3g_kedro.pictures.input_images import InputImages

SHORT = replace(OPTIMIZATION, steps=2, checkpoint_every=1)


class Counted(StepLog):
    """Counts the steps that are done; asks to be stopped after one of them."""

    def __init__(self, path: Path, stop_at: int | None = None) -> None:
        super().__init__(path)
        self.steps: list[int] = []
        self.stop_at = stop_at

    def append(self, step, metrics):
        super().append(step, metrics)
        self.steps.append(step)
        if step == self.stop_at:
            os.kill(os.getpid(), signal.SIGINT)


@dataclass
class Told:
    """What a distillation is told."""

    teacher: Teacher
    batches: QuadrupleBatches
    seed: int = 0  # of the student that it starts with
    objective: ObjectiveConfig = OBJECTIVE
    perceptual: partial = ENCODER_FEATURES
    optimization: Optimization = SHORT
    verified_share: float = 1.0

    def run(self, folder: Path, stop_at: int | None = None) -> tuple[Student, list[int]]:
        log = Counted(folder / "steps.jsonl", stop_at)
        student = distil_on_all_devices(
            *(tiny_student(self.seed), self.teacher, self.batches, self.objective, self.perceptual),
            *(self.optimization, folder / "kept", log, self.verified_share),
        )
        lines = [record["step"] for record in log.records()]
        assert lines == sorted(set(lines)), "a line is doubled"
        return student, log.steps


@pytest.fixture(scope="module")
def told(tmp_path_factory) -> Told:
    folder = tmp_path_factory.mktemp("quadruples")
    shards, images, teacher = tiny_quadruples(folder, count=2)
    rig = tiny_student_config().rig
    batches = QuadrupleBatches(shards, InputImages(images, SIZE), SIZE, teacher.latent_shape, rig)
    return Told(teacher, batches)


def other_objective(told: Told, **changes: float) -> Told:
    return replace(told, objective=replace(told.objective, **changes))


def other_distance(told: Told, folder: Path) -> Told:
    weights = folder / "vgg.pt"
    weights.write_bytes(b"other weights")
    keywords = {**ENCODER_FEATURES.keywords, "weights": weights}
    return replace(told, perceptual=partial(ENCODER_FEATURES.func, **keywords))


def heavier(told: Told) -> Told:
    explicit = replace(told.objective.explicit, mse_weight=50.0)
    return replace(told, objective=replace(told.objective, explicit=explicit))


def guided(told: Told) -> Told:
    verification = replace(told.objective.verification, guidance_scale=9.0)
    return replace(told, objective=replace(told.objective, verification=verification))


def another_number(told: Told) -> Told:
    return replace(told, optimization=replace(told.optimization, ema_decay=0.9))


OTHERS = {
    "objective.explicit.mse_weight: 50.0, not 0.5": lambda told, _: heavier(told),
    "objective.weight_cap: 0.0, not 0.001": lambda told, _: other_objective(told, weight_cap=0.0),
    "objective.opacity_weight: 5.0, not 0.001": lambda told, _: other_objective(
        told, opacity_weight=5.0
    ),
    "objective.verification.guidance_scale: 9.0, not 5.0": lambda told, _: guided(told),
    "start: ": lambda told, _: replace(told, seed=1),
    "teacher: tiny-1, not tiny-0": lambda told, _: replace(told, teacher=tiny_teacher(1)),
    "perceptual.weights: ": other_distance,
    "verified_share: 0.5, not 1.0": lambda told, _: replace(told, verified_share=0.5),
    "optimization.ema_decay: 0.9, not 0.999": lambda told, _: another_number(told),
}


@pytest.mark.parametrize("difference", OTHERS)
def test_what_decides_the_result_makes_another_training_and_is_named(
    told, tmp_path, caplog, difference
):
    student, steps = told.run(tmp_path)
    assert steps == [0, 1]
    with caplog.at_level(logging.INFO, "dd3g_kedro"):
        _, steps = OTHERS[difference](told, tmp_path).run(tmp_path)
    assert steps == [0, 1]
    (said,) = [r.getMessage() for r in caplog.records if "is kept beside it" in r.getMessage()]
    assert f"at step 2, is kept beside it and differs: {difference}" in said
    again, steps = told.run(tmp_path)  # the earlier parameters, given back
    assert steps == []
    tensors = again.state_dict()
    assert all(torch.equal(tensor, tensors[name]) for name, tensor in student.state_dict().items())


def test_what_does_not_decide_the_result_does_not(told, tmp_path):
    told.run(tmp_path)
    free = replace(told.optimization, log_every=7, picture_every=9, checkpoint_every=3)
    assert replace(told, optimization=free).run(tmp_path)[1] == []


def test_an_interrupted_one_goes_on_under_its_own_objective_alone(told, tmp_path):
    longer = replace(told, optimization=replace(told.optimization, steps=4))
    with pytest.raises(KeyboardInterrupt):
        longer.run(tmp_path, stop_at=1)
    assert other_objective(longer, opacity_weight=5.0).run(tmp_path)[1] == [0, 1, 2, 3]
    resumed, steps = longer.run(tmp_path)
    assert steps == [2, 3]
    whole, _ = longer.run(tmp_path / "whole")
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, resumed.state_dict()[name]), name
