"""Quadruples and a teacher in, a student out."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import PositiveInt

from dd3g_kedro.core.config_building import PositiveShare, configuration
from dd3g_kedro.core.objective.config import ObjectiveConfig
from dd3g_kedro.core.student.config import StudentConfig
from dd3g_kedro.core.training.config import Closing, Optimization
from dd3g_kedro.registry.release import StudentRelease

if TYPE_CHECKING:
    import pandas as pd

    from dd3g_kedro.core.quadruples.shards import QuadrupleShards
    from dd3g_kedro.core.student.weights import Student
    from dd3g_kedro.core.teacher.teacher import Teacher
    from dd3g_kedro.core.training.reporting import StepReports


@configuration
class Distillation:
    """What `kedro run --pipelines=distill` may be told besides the student and the objective."""

    optimization: Optimization
    start: Literal["initial", "random"]  # from the shipped weights, or from nothing
    perceptual: Literal[
        "encoder_features", "imagenet_features", "lpips"
    ]  # the second distance of Eq. 4
    lpips_backbone: Literal["vgg", "alex"] = "vgg"
    lpips_weights: Path | None = None  # torchvision's state dict of the backbone
    # of a step's objects that the teacher is asked about (Eq. 5)
    verified_share: PositiveShare = 1.0
    # of so many steps one asks; on a GPU asking costs as much as learning
    verified_every: PositiveInt = 1
    closing: Closing | None = None  # Ours: a last phase that sharpens the input's own view


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
    from dd3g_kedro.core.training.closing import close
    from dd3g_kedro.factory.beginning import check_fit, perceptual_distance, starting_student
    from dd3g_kedro.factory.distillation import batches_for, distil_on_all_devices
    from dd3g_kedro.pictures.table import files_by_id

    check_fit(student, teacher)
    beginner = starting_student(
        student, student_initial, distillation.start, distillation.optimization.seed
    )
    batches = batches_for(student, quadruples, files_by_id(image_table, collected_images))
    learnt = distil_on_all_devices(
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
        checkpoints / "student",
        step_log,
        distillation.verified_share,
        distillation.verified_every,
    )
    if distillation.closing is None:
        return learnt
    kept, steps = checkpoints / "closing", distillation.optimization.steps
    return close(learnt, batches, distillation.closing, kept, step_log, steps)


def release_student(
    student: Student, quadruples: QuadrupleShards, distillation: Distillation, weights: Path
) -> StudentRelease:
    """Say what the registry is to be told of the new weights."""
    from dd3g_kedro.registry.model_card import model_card

    return StudentRelease(
        weights=weights,
        card=model_card(student, quadruples, distillation.optimization, distillation.start),
    )
