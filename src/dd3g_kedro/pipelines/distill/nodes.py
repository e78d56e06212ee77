"""Quadruples and a teacher in, a student out."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from dd3g_kedro.core.config_building import build_fields
from dd3g_kedro.core.objective.config import ObjectiveConfig
from dd3g_kedro.core.promotion.release import StudentRelease
from dd3g_kedro.core.student.config import StudentConfig
from dd3g_kedro.core.training.config import Closing, Optimization

if TYPE_CHECKING:
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
    closing: Closing | None = None  # Ours: a last phase that sharpens the input's own view
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
    from dd3g_kedro.core.devices import default_device
    from dd3g_kedro.core.training.beginning import check_fit, perceptual_distance, starting_student
    from dd3g_kedro.core.training.closing import close
    from dd3g_kedro.core.training.distil import distil
    from dd3g_kedro.core.training.quadruple_batches import QuadrupleBatches
    from dd3g_kedro.core.training.resident_batches import resident_where_they_fit

    check_fit(student, teacher)
    beginner = starting_student(
        student, student_initial, distillation.start, distillation.optimization.seed
    )
    stored = QuadrupleBatches(
        quadruples, collected_images, student.image_size, teacher.latent_shape, student.rig
    )
    batches = resident_where_they_fit(stored, default_device())
    learnt = distil(
        beginner,
        teacher,
        batches,
        objective,
        partial(
            perceptual_distance,
            kind=distillation.perceptual,
            backbone=distillation.lpips_backbone,
            weights=distillation.lpips_weights,
        ),
        distillation.optimization,
        checkpoints / "student.pt",
        step_log,
        distillation.verified_share,
        distillation.verified_every,
    )
    if distillation.closing is None:
        return learnt
    kept = checkpoints / "student_closing.pt"
    steps = distillation.optimization.steps
    return close(learnt, batches, distillation.closing, kept, step_log, steps)


def release_student(
    student: Student, quadruples: QuadrupleShards, distillation: Distillation, weights: Path
) -> StudentRelease:
    """Say what the registry is to be told of the new weights."""
    from dd3g_kedro.core.training.model_card import model_card

    return StudentRelease(
        weights=weights,
        card=model_card(student, quadruples, distillation.optimization, distillation.start),
    )
