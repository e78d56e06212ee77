"""One row's training: as long, from the same seed, as all others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from dd3g_kedro.ablation.config import AblateConfig
from dd3g_kedro.ablation.lessons import Origin, lessons
from dd3g_kedro.ablation.rows import RowSettings
from dd3g_kedro.core.student.weights import Student
from dd3g_kedro.core.teacher.teacher import Teacher
from dd3g_kedro.core.training.reporting import StepReports
from dd3g_kedro.factory.beginning import check_fit, perceptual_distance
from dd3g_kedro.factory.distillation import distil_on_all_devices


@dataclass(frozen=True)
class TrainedRow:
    """A row's student, and what it learnt from."""

    student: Student
    quadruples: int  # how many it could learn from; of true views, those that may be the input
    data: str  # what rows choose theirs from (`mix.pool`), or the true views
    teacher: str  # its fingerprint


def train_row(
    settings: RowSettings,
    ablate: AblateConfig,
    origin: Origin,
    teacher: Teacher,
    checkpoints: Path,
    reports: StepReports,
) -> TrainedRow:
    """Train a row's student, in one process.

    A training that has ended is found in its checkpoint, one that was interrupted goes on from it.

    Raises:
        ValueError: the student does not fit the teacher, or the drawn views.
        TrainingDiverged: ten steps in a row had non-finite gradients.
        KeyboardInterrupt: the run was asked to stop; the same call goes on.
    """
    check_fit(settings.student, teacher)
    given = lessons(origin, ablate, settings.student)
    optimization = replace(ablate.optimization, processes=1)
    student = distil_on_all_devices(
        Student.from_config(settings.student, optimization.seed),
        teacher,
        given.batches,
        settings.objective,
        partial(
            perceptual_distance,
            kind=ablate.perceptual,
            backbone=ablate.lpips_backbone,
            weights=ablate.lpips_weights,
        ),
        optimization,
        checkpoints,
        reports,
        settings.verified_share,
    )
    return TrainedRow(student, given.count, given.pool, teacher.fingerprint)


def minutes_of(records: Iterable[Mapping[str, Any]], batch_size: int) -> float:
    """How long the reported steps took, interruptions left out; from each report's own rate."""
    seconds, before = 0.0, -1
    for record in records:
        if rate := record.get("samples_per_second"):
            seconds += (record["step"] - before) * batch_size / rate
            before = record["step"]
    return seconds / 60
