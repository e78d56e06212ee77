"""Quadruples and a teacher in, a student out."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from dd3g_kedro.core.config_building import build_fields
from dd3g_kedro.core.objective.config import ObjectiveConfig
from dd3g_kedro.core.student.config import StudentConfig
from dd3g_kedro.core.training.config import Optimization
from dd3g_kedro.registry.release import StudentRelease

if TYPE_CHECKING:
    import pandas as pd

    from dd3g_kedro.core.quadruples.shards import QuadrupleShards
    from dd3g_kedro.core.student.weights import Student
    from dd3g_kedro.core.teacher.teacher import Teacher
    from dd3g_kedro.core.training.reporting import StepReports


@dataclass(frozen=True, kw_only=True)
class Distillation:
    """What `kedro run --pipelines=distill` may be told besides the student and the objective."""

    optimization: Optimization
    start: Literal["initial", "random"]  # from the shipped weights, or from nothing
    perceptual: Literal[
        "encoder_features", "imagenet_features", "lpips"
    ]  # the second distance of Eq. 4
    lpips_backbone: Literal["vgg", "alex"] = "vgg"
    lpips_weights: Path | None = None  # torchvision's state dict of the backbone
    verified_share: float = 1.0  # of a step's objects that the teacher is asked about (Eq. 5)
    verified_every: int = 1  # of so many steps one asks; on a GPU asking costs as much as learning

    def __post_init__(self) -> None:
        build_fields(self, "distillation")
        if not 0 < self.verified_share <= 1:
            raise ValueError(
                f"distillation.verified_share must lie in (0, 1], got {self.verified_share}"
            )
        if self.verified_every < 1:
            raise ValueError(
                f"distillation.verified_every must be at least 1, got {self.verified_every}"
            )


def distil_student(
    quadruples: QuadrupleShards,
    image_table: pd.DataFrame,
    collected_images: Path,
    teacher: Teacher,
    student_initial: Student | None,
    student: StudentConfig,
    objective: ObjectiveConfig,
    distillation: Distillation,
    checkpoints: Path,
    step_log: StepReports,
) -> Student:
    """Train the student under the joint objective (Eq. 6); return it with its EMA weights."""
    from dd3g_kedro.factory.beginning import check_fit, perceptual_distance, starting_student
    from dd3g_kedro.factory.distillation import batches_for, distil_on_all_devices
    from dd3g_kedro.pictures.table import files_by_id

    check_fit(student, teacher)
    beginner = starting_student(
        student, student_initial, distillation.start, distillation.optimization.seed
    )
    return distil_on_all_devices(
        beginner,
        teacher,
        batches_for(student, quadruples, files_by_id(image_table, collected_images)),
        objective,
        partial(
            perceptual_distance,
            kind=distillation.perceptual,
            backbone=distillation.lpips_backbone,
            weights=distillation.lpips_weights,
        ),
        distillation.optimization,
        checkpoints / "student",
        step_log,
        distillation.verified_share,
        distillation.verified_every,
    )


def release_student(
    student: Student, quadruples: QuadrupleShards, distillation: Distillation, weights: Path
) -> StudentRelease:
    """Say what the registry is to be told of the new weights."""
    from dd3g_kedro.registry.model_card import model_card

    return StudentRelease(
        weights=weights,
        card=model_card(student, quadruples, distillation.optimization, distillation.start),
    )
