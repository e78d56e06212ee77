"""Distillation as it is run: one process a GPU, each with a fast teacher."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from dd3g_kedro.core.objective.config import ObjectiveConfig
from dd3g_kedro.core.objective.explicit import ImageDistance
from dd3g_kedro.core.quadruples.shards import QuadrupleShards
from dd3g_kedro.core.student.config import StudentConfig
from dd3g_kedro.core.student.weights import Student
from dd3g_kedro.core.teacher.teacher import Teacher
from dd3g_kedro.core.training.batches import Batches
from dd3g_kedro.core.training.config import Optimization
from dd3g_kedro.core.training.distil import distil
from dd3g_kedro.core.training.quadruple_batches import QuadrupleBatches
from dd3g_kedro.core.training.reporting import StepReports
from dd3g_kedro.core.training.resident_batches import resident_where_they_fit
from dd3g_kedro.engine.ranks import on_all_devices
from dd3g_kedro.fast.teacher import ready
from dd3g_kedro.fast.training import compile_for_distillation
from dd3g_kedro.pictures.input_images import InputImages


def batches_for(
    config: StudentConfig, shards: QuadrupleShards, images_folder: Path
) -> QuadrupleBatches:
    """Quadruples as a student of that configuration takes them."""
    views, channels, size = len(config.azimuths_deg), config.latent_channels, config.latent_size
    noise_shape = (views, channels, size, size)
    pictures = InputImages(images_folder, config.image_size)
    return QuadrupleBatches(shards, pictures, config.image_size, noise_shape, config.rig)


def distil_on_all_devices(
    student: Student,
    teacher: Teacher,
    batches: Batches,
    objective: ObjectiveConfig,
    perceptual: Callable[[Teacher], ImageDistance],
    optimization: Optimization,
    checkpoint: Path,
    reports: StepReports,
    verified_share: float = 1.0,
) -> Student:
    """`core.training.distil.distil` in as many processes as `optimization.processes` says.

    `perceptual` makes the second distance of Eq. 4 in each of them, of the teacher there.
    """
    return on_all_devices(
        _distil_here,
        *(student, teacher, batches, objective, perceptual, optimization, checkpoint, reports),
        verified_share,
        processes=optimization.processes,
    )


def _distil_here(
    student: Student,
    teacher: Teacher,
    batches: Batches,
    objective: ObjectiveConfig,
    perceptual: Callable[[Teacher], ImageDistance],
    optimization: Optimization,
    checkpoint: Path,
    reports: StepReports,
    verified_share: float,
) -> Student:
    asked = ready(teacher)
    if isinstance(batches, QuadrupleBatches):
        batches = resident_where_they_fit(batches, asked.device)
    if optimization.compile:
        compile_for_distillation(student, asked)
    settled = (objective, perceptual(asked), optimization, checkpoint, reports, verified_share)
    return distil(student, asked, batches, *settled)
