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

from dd3g_kedro.core.devices import default_device
from dd3g_kedro.core.fitting.score import teacher_verdict
from dd3g_kedro.core.geometry.cameras import orbit, plucker_rays
from dd3g_kedro.core.images.background import composite, random_background
from dd3g_kedro.core.objective.config import ObjectiveConfig
from dd3g_kedro.core.objective.curriculum import verification_weight
from dd3g_kedro.core.objective.explicit import (
    ImageDistance,
    explicit_supervision,
    with_input_view,
)
from dd3g_kedro.core.objective.hull import hull_distance, silhouette_distances
from dd3g_kedro.core.objective.implicit import verification_cameras, verification_timesteps
from dd3g_kedro.core.objective.opacity import opacity_regularization
from dd3g_kedro.core.ranks import on_all_devices
from dd3g_kedro.core.rendering.render import render
from dd3g_kedro.core.student.blocks import TransformerBlock
from dd3g_kedro.core.student.pattern_extraction import ResBlock, SpatialTransformer3D
from dd3g_kedro.core.student.weights import Student
from dd3g_kedro.core.teacher.teacher import Teacher
from dd3g_kedro.core.training.batches import Batches
from dd3g_kedro.core.training.config import Optimization
from dd3g_kedro.core.training.loop import Callbacks, Terms, fit
from dd3g_kedro.core.training.pictures import picture_rows
from dd3g_kedro.core.training.quadruple_batches import QuadrupleBatch
from dd3g_kedro.core.training.reporting import StepReports, callbacks_to
from dd3g_kedro.core.types import Gaussians

_PICTURED = 6  # quadruples on a picture


def verify(
    gaussians: Gaussians,
    input_rgba: Tensor,
    teacher: Teacher,
    objective: ObjectiveConfig,
    generator: torch.Generator,
) -> Tensor:
    """L_IV of a batch, scaled: render at random cameras, ask the teacher (Eq. 5).

    The background is the same for the renderings and for the input image: Eq. 8's, or white.
    """
    config, device, count = objective.verification, gaussians.means.device, len(gaussians)
    azimuth, elevation = verification_cameras(count, config, generator)
    timesteps = verification_timesteps(count, config, generator).to(device)
    background = random_background(count, generator).to(device)
    if config.background == "white":  # drawn all the same: everything else that is random stays
        background = torch.ones_like(background)
    cameras = orbit(azimuth, elevation, teacher.config.rig).to(device)
    input_images = composite(input_rgba, background)
    return teacher_verdict(
        *(gaussians, cameras, input_images, background, timesteps, teacher, config, generator)
    )


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


def _compile(student: Student, teacher: Teacher) -> None:
    """Whatever every step goes through, part by part: equal parts are compiled once."""
    torch._functorch.config.donated_buffer = False  # the loop asks each term for its own gradients
    torch.backends.cudnn.benchmark = True
    torch._dynamo.config.recompile_limit = 64  # four levels, with and without gradients
    teacher.fast_unet().network.compile()
    encoder = teacher.autoencoder.encoder
    repeated = (TransformerBlock, ResBlock, SpatialTransformer3D)
    own = (module for module in student.modules() if isinstance(module, repeated))
    for part in (*own, *encoder.down_blocks, encoder.mid_block):
        part.compile(dynamic=False)


def distil(
    student: Student,
    teacher: Teacher,
    batches: Batches,
    objective: ObjectiveConfig,
    perceptual: Callable[[Teacher], ImageDistance],
    optimization: Optimization,
    checkpoint: Path,
    reports: StepReports,
    verified_share: float = 1.0,
    verified_every: int = 1,
) -> Student:
    """Minimise L_ES + beta_i L_IV + L_on (Eq. 6); return the student with its EMA weights.

    Args:
        student: what is trained.
        teacher: asked in implicit verification.
        batches: the quadruples, or true views in their place.
        objective: its terms.
        perceptual: makes the second distance of Eq. 4; pickled where several processes work.
        optimization: numbers of the optimisation.
        checkpoint: file from which an interrupted training goes on.
        reports: where numbers and pictures go.
        verified_share: of a step's objects that the teacher is asked about. Ours: L_IV is an
            expectation over the objects, which a part of them estimates for less.
        verified_every: of so many steps one asks, and its answer counts so many times (Ours).

    Raises:
        TrainingDiverged: ten steps in a row had non-finite gradients.
        KeyboardInterrupt: the run was asked to stop; the same call goes on.
    """
    on_all_devices(
        distil,
        *(student, teacher, batches, objective, perceptual, optimization, checkpoint, reports),
        *(verified_share, verified_every),
        processes=optimization.processes,
    )
    device = default_device()
    teacher = teacher.ready_on(device)
    distance = perceptual(teacher)
    if optimization.compile:
        _compile(student, teacher)
    curriculum = objective.curriculum(optimization.steps)
    size = student.config.image_size
    latent_size = student.config.latent_size
    first = batches.first(_PICTURED)
    rays = plucker_rays(first.quadruples.cameras, latent_size, latent_size)
    callbacks: Callbacks = callbacks_to(reports, _pictures(first, rays))

    def terms(model: nn.Module, step: int, generator: torch.Generator) -> Terms:
        asked = time.monotonic()
        batch = batches.at_step(step, optimization.batch_size, optimization.seed).to(device)
        waited = time.monotonic() - asked
        quadruples = batch.quadruples
        embedded = plucker_rays(quadruples.cameras, latent_size, latent_size)
        gaussians = cast(Gaussians, model(quadruples.input_image, quadruples.noise, embedded))
        images = render(gaussians, quadruples.cameras, size, quadruples.background).images
        targets = quadruples.output_images
        if objective.explicit.input_view:
            azimuths_deg = student.config.azimuths_deg
            targets = with_input_view(targets, quadruples.input_image, azimuths_deg)
        explicit, parts = explicit_supervision(images, targets, objective.explicit, distance)
        beta = verification_weight(step, curriculum)
        result = {"explicit": explicit}
        callbacks.measures |= {"beta": beta, "seconds_for_data": waited}
        callbacks.measures |= {name: part.detach() for name, part in parts.items()}
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
        return result | {"opacity": opacity}

    told = (checkpoint, callbacks, "distilling", batches.fingerprint)
    with closing(batches):
        return fit(student, terms, optimization, *told)
