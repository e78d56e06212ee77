"""Distillation as it is run: one process a GPU, each with a fast teacher."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from dd3g_kedro.core.identity import file_fingerprint
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
    config: StudentConfig, shards: QuadrupleShards, images: Mapping[str, Path]
) -> QuadrupleBatches:
    """Quadruples as a student of that configuration takes them, their pictures' files by id."""
    views, channels, size = len(config.azimuths_deg), config.latent_channels, config.latent_size
    noise_shape = (views, channels, size, size)
    pictures = InputImages(images, config.image_size)
    return QuadrupleBatches(shards, pictures, config.image_size, noise_shape, config.rig)


def distil_on_all_devices(
    student: Student,
    teacher: Teacher,
    batches: Batches,
    objective: ObjectiveConfig,
    perceptual: partial[ImageDistance],
    optimization: Optimization,
    checkpoints: Path,
    reports: StepReports,
    verified_share: float = 1.0,
    verified_every: int = 1,
) -> Student:
    """`core.training.distil.distil` in as many processes as `optimization.processes` says.

    `perceptual` makes the second distance of Eq. 4 in each of them, of the teacher there; its
    keywords tell it from others.
    """
    return on_all_devices(
        _distil_here,
        *(student, teacher, batches, objective, perceptual, optimization, checkpoints, reports),
        *(verified_share, verified_every),
        processes=optimization.processes,
    )


def _distil_here(
    student: Student,
    teacher: Teacher,
    batches: Batches,
    objective: ObjectiveConfig,
    perceptual: partial[ImageDistance],
    optimization: Optimization,
    checkpoints: Path,
    reports: StepReports,
    verified_share: float,
    verified_every: int,
) -> Student:
    asked = ready(teacher)
    if isinstance(batches, QuadrupleBatches):
        batches = resident_where_they_fit(batches, asked.device)
    if optimization.compile:
        compile_for_distillation(student, asked)
    distance = (perceptual(asked), _made_of(perceptual))
    settled = (objective, *distance, optimization, checkpoints, reports)
    return distil(student, asked, batches, *settled, verified_share, verified_every)


def _made_of(perceptual: partial[ImageDistance]) -> dict[str, object]:
    """What tells one distance from another; a file of weights by its content."""
    told = {
        name: file_fingerprint(value) if isinstance(value, Path) and value.is_file() else value
        for name, value in perceptual.keywords.items()
    }
    return {"of": perceptual.func.__name__} | told
