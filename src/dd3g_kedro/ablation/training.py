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
from dd3g_kedro.core.student.weights import Student, save_student
from dd3g_kedro.core.teacher.teacher import Teacher
from dd3g_kedro.core.training.reporting import StepReports
from dd3g_kedro.factory.beginning import check_fit, perceptual_distance
from dd3g_kedro.factory.distillation import distil_on_all_devices

_NAMED_BY = 16  # digits of the fingerprint


@dataclass(frozen=True)
class TrainedRow:
    """Where a row's student lies, and what identifies it."""

    weights: Path
    fingerprint: str
    quadruples: int  # how many it could learn from; of true views, those that may be the input
    data: str  # what rows choose theirs from (`mix.pool`), or the true views
    teacher: str  # its fingerprint


def train_row(
    settings: RowSettings,
    ablate: AblateConfig,
    origin: Origin,
    teacher: Teacher,
    folder: Path,
    reports: StepReports,
) -> TrainedRow:
    """Train a row's student into `folder`, in one process.

    The file's name is the fingerprint of settings, data and teacher: a row that was trained is
    not trained again, one that was interrupted goes on from its checkpoint, and one whose settings
    have changed starts anew. When it is done, files of other fingerprints are removed.

    Raises:
        ValueError: the student does not fit the teacher, or the drawn views.
        TrainingDiverged: ten steps in a row had non-finite gradients.
        KeyboardInterrupt: the run was asked to stop; the same call goes on.
    """
    check_fit(settings.student, teacher)
    given = lessons(origin, ablate, settings.student)
    fingerprint = settings.fingerprint(given.selection, teacher.fingerprint)
    name = fingerprint[:_NAMED_BY]
    weights = folder / f"student_{name}.safetensors"
    trained = TrainedRow(weights, fingerprint, given.count, given.pool, teacher.fingerprint)
    if weights.is_file():
        return trained
    given.batches.fingerprint = fingerprint
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
        folder,
        reports,
        settings.verified_share,
    )
    save_student(weights, student)
    for other in {*folder.glob("student_*.safetensors"), *folder.glob("*.pt")} - {weights}:
        other.unlink()
    return trained


def minutes_of(records: Iterable[Mapping[str, Any]], batch_size: int) -> float:
    """How long the reported steps took, interruptions left out; from each report's own rate."""
    seconds, before = 0.0, -1
    for record in records:
        if rate := record.get("samples_per_second"):
            seconds += (record["step"] - before) * batch_size / rate
            before = record["step"]
    return seconds / 60
