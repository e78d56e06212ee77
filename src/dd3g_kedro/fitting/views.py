"""Fitting Gaussians to posed pictures: the second stage of LGM's and V3D's family."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from dd3g_kedro.core.objective.fidelity import ssim
from dd3g_kedro.core.rendering.render import render
from dd3g_kedro.core.types import Cameras, Gaussians
from dd3g_kedro.fitting.cloud import optimise
from dd3g_kedro.fitting.config import FitConfig
from dd3g_kedro.fitting.initial import first_gaussians


def _check(images: Tensor, cameras: Cameras, background: Tensor) -> None:
    views, (height, width) = len(images), images.shape[-2:]
    posed = tuple(cameras.world_to_camera.shape[:2])
    if views == 0 or posed != (1, views):
        raise ValueError(
            "fit_to_views: expected one object with as many cameras as pictures, at least one; "
            f"got {views} pictures and cameras of {posed[0]} objects with {posed[1]} views each"
        )
    if height != width:
        raise ValueError(
            f"fit_to_views: expected square pictures, got {height} x {width}; "
            "use pictures.framing first"
        )
    if not bool(images.isfinite().all()) or not bool(background.isfinite().all()):
        raise ValueError("fit_to_views: expected finite pictures and background, got NaN or inf")


def fit_to_views(
    images: Float[Tensor, "v 3 h w"],
    cameras: Cameras,
    background: Float[Tensor, "3"],
    config: FitConfig,
) -> Gaussians:
    """Gaussians whose renderings are the pictures: min mse + weight (1 - SSIM) / 2 over views.

    Args:
        images: sRGB in [0, 1], all over `background`, square.
        cameras: one a picture, of one object.
        background: sRGB in [0, 1]. Ours: it stays, for what was composited cannot be undone.
        config: numbers of the optimisation; its seed decides everything that is random.

    Raises:
        ValueError: pictures, cameras and background do not fit together, or are not finite.
        TrainingDiverged: the Gaussians became NaN or infinite.
    """
    _check(images, cameras, background)
    size = images.shape[-1]
    generator = torch.Generator().manual_seed(config.seed)
    with torch.inference_mode(mode=False), torch.enable_grad():
        images, background = images.float().clone(), background.to(images).float().clone()
        matrices = [value.to(images).clone() for value in vars(cameras).values()]
        start = first_gaussians(images, Cameras(*matrices), background, config, generator)

        def loss(gaussians: Gaussians, _step: int) -> Tensor:
            chosen = torch.randperm(len(images), generator=generator)[: config.views_per_step]
            chosen = chosen.sort().values.to(images.device)
            posed = Cameras(*(value[:, chosen] for value in matrices))
            drawn = render(gaussians, posed, size, background[None]).images[0]
            total = config.mse_weight * (drawn - images[chosen]).square().mean()
            if config.dssim_weight > 0:
                likeness = ssim(drawn, images[chosen]).mean()
                total = total + config.dssim_weight * (1 - likeness) / 2
            return total

        return optimise(start, loss, config.steps, config.cloud, "fitting to views")
