"""Distilling the teacher into the student under the joint objective (Sec. III-C, Eq. 6)."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import cast

import torch
from PIL import Image
from torch import Tensor, nn

from dd3g_kedro.core.geometry.cameras import plucker_rays
from dd3g_kedro.core.geometry.pinhole import front_camera
from dd3g_kedro.core.identity import Identity, deciding, weights_fingerprint
from dd3g_kedro.core.objective.config import ObjectiveConfig
from dd3g_kedro.core.objective.curriculum import verification_weight
from dd3g_kedro.core.objective.explicit import (
    ImageDistance,
    explicit_supervision,
    with_input_view,
)
from dd3g_kedro.core.objective.hull import hull_distance, silhouette_distances
from dd3g_kedro.core.objective.opacity import opacity_regularization
from dd3g_kedro.core.objective.verification import (
    verify,
)
from dd3g_kedro.core.rendering.render import render
from dd3g_kedro.core.student.weights import Student
from dd3g_kedro.core.teacher.teacher import Teacher
from dd3g_kedro.core.training.batches import Batches
from dd3g_kedro.core.training.config import FREE, Optimization
from dd3g_kedro.core.training.loop import Measures, Terms, fit
from dd3g_kedro.core.training.pictures import picture_rows
from dd3g_kedro.core.training.quadruple_batches import QuadrupleBatch
from dd3g_kedro.core.training.reporting import StepReports, callbacks_to
from dd3g_kedro.core.types import Gaussians

MAKER = "distillation 1"  # rises when the same inputs make another student
_PICTURED = 6  # quadruples on a picture


def _pictures(batch: QuadrupleBatch, rays: Tensor) -> Callable[[nn.Module], dict]:
    quadruples = batch.quadruples

    @torch.no_grad()
    def draw(model: nn.Module) -> dict[str, Image.Image]:
        device = next(model.parameters()).device
        moved = batch.to(device).quadruples
        gaussians = model(moved.input_image, moved.noise, rays.to(device))
        size = quadruples.output_images.shape[-1]
        views = render(gaussians, moved.cameras, size, moved.background).images
        rows = [
            [moved.input_image[i], *moved.output_images[i], *views[i]] for i in range(len(views))
        ]
        return {"input_teacher_student": picture_rows(rows)}

    return draw


def distil(
    student: Student,
    teacher: Teacher,
    batches: Batches,
    objective: ObjectiveConfig,
    distance: ImageDistance,
    perceptual: object,
    optimization: Optimization,
    checkpoints: Path,
    reports: StepReports,
    verified_share: float = 1.0,
    verified_every: int = 1,
) -> Student:
    """Minimise L_ES + beta_i L_IV + L_on (Eq. 6); return the student with its EMA weights.

    Args:
        student: what is trained.
        teacher: asked in implicit verification; the training runs where it is.
        batches: the quadruples, or true views in their place.
        objective: its terms.
        distance: the second of Eq. 4.
        perceptual: what tells that distance from others: its kind, its weights' fingerprint.
        optimization: numbers of the optimisation.
        checkpoints: folder of the trainings that are kept, of this identity or another.
        reports: where numbers and pictures go.
        verified_share: of a step's objects that the teacher is asked about. Ours: L_IV is an
            expectation over the objects, which a part of them estimates for less.
        verified_every: of so many steps one asks, and its answer counts so many times (Ours).

    Raises:
        TrainingDiverged: ten steps in a row had non-finite gradients.
        KeyboardInterrupt: the run was asked to stop; the same call goes on.
    """
    device = teacher.device
    curriculum = objective.curriculum(optimization.steps)
    size = student.config.image_size
    latent_size = student.config.latent_size
    front = front_camera(student.config.elevation_deg, student.config.rig).to(device)
    first = batches.first(_PICTURED)
    rays = plucker_rays(first.quadruples.cameras, latent_size, latent_size)
    identity = Identity.of(
        MAKER,
        optimization=deciding(optimization, FREE),
        objective=objective,
        student=student.config,
        start=weights_fingerprint(student.state_dict()),
        teacher=teacher.fingerprint or weights_fingerprint(teacher.state_dict()),
        perceptual=perceptual,
        verified_share=verified_share,
        verified_every=verified_every,
        data=batches.fingerprint,
    )

    def terms(model: nn.Module, step: int, generator: torch.Generator) -> tuple[Terms, Measures]:
        asked = time.monotonic()
        batch = batches.at_step(step, optimization.batch_size, optimization.seed).to(device)
        waited = time.monotonic() - asked
        quadruples = batch.quadruples
        embedded = plucker_rays(quadruples.cameras, latent_size, latent_size)
        gaussians = cast(Gaussians, model(quadruples.input_image, quadruples.noise, embedded))
        cameras, targets = quadruples.cameras, quadruples.output_images
        if objective.explicit.input_view:
            azimuths_deg = student.config.azimuths_deg
            given = quadruples.input_image, front, azimuths_deg
            cameras, targets = with_input_view(cameras, targets, *given)
        images = render(gaussians, cameras, size, quadruples.background).images
        explicit, parts = explicit_supervision(images, targets, objective.explicit, distance)
        beta = verification_weight(step, curriculum)
        result = {"explicit": explicit}
        measures = {name: part.detach() for name, part in parts.items()}
        told = {"beta": beta, "seconds_for_data": waited}
        if beta > 0 and step % verified_every == 0:
            few = max(round(verified_share * len(gaussians)), 1)  # the order is a random one
            asked_about = gaussians[:few], batch.input_rgba[:few]
            verification = verify(*asked_about, teacher, objective, generator)
            result["verification"] = beta * verified_every * verification
        if objective.explicit.hull_weight > 0:
            distances = silhouette_distances(quadruples.output_images, quadruples.background)
            hull = hull_distance(gaussians.means, quadruples.cameras, distances)
            result["hull"] = objective.explicit.hull_weight * hull
        opacity = objective.opacity_weight * opacity_regularization(gaussians.opacities)
        return result | {"opacity": opacity}, measures | told

    callbacks = callbacks_to(reports, _pictures(first, rays))
    with closing(batches):
        return fit(student, terms, optimization, identity, checkpoints, callbacks, "distilling")
