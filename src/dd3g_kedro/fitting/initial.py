"""Ours: where an object's first Gaussians lie."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Bool, Float
from torch import Tensor

from dd3g_kedro.core.types import Cameras, Gaussians
from dd3g_kedro.fitting.config import Cloud, FitConfig

_TRIES = 20  # times as many candidates as Gaussians wanted
_FILLED = 0.25  # sigma of a Gaussian, in the side of the cube that is its share of the volume
_SIGMA = (2e-4, 0.045)  # what log s in (-9, -3) can hold


def points_in_ball(count: int, reach: float, generator: torch.Generator) -> Float[Tensor, "g 3"]:
    """Uniformly distributed within `reach` of the origin; on the CPU."""
    direction = torch.randn(count, 3, generator=generator)
    radius = reach * torch.rand(count, 1, generator=generator) ** (1 / 3)
    return radius * direction / direction.norm(dim=-1, keepdim=True).clamp_min(1e-12)


def seen_colors(
    points: Float[Tensor, "g 3"], images: Float[Tensor, "v c h w"], cameras: Cameras
) -> Float[Tensor, "v g c"]:
    """What each camera's picture holds where it sees the points; zero outside the picture."""
    local = torch.einsum("vij,gj->vgi", cameras.world_to_camera[0, :, :3, :3], points)
    local = local + cameras.world_to_camera[0, :, None, :3, 3]
    image = torch.einsum("vij,vgj->vgi", cameras.intrinsics[0], local)
    places = 2 * image[..., :2] / image[..., 2:].clamp_min(1e-6) - 1  # fractions to [-1, 1]
    found = F.grid_sample(images, places[:, :, None], mode="nearest", align_corners=False)
    return rearrange(found, "v c g 1 -> v g c")


def silhouettes(
    images: Float[Tensor, "v 3 h w"], background: Float[Tensor, "3"], threshold: float
) -> Bool[Tensor, "v 1 h w"]:
    """Where a picture differs from its background by more than the threshold in some channel."""
    return (images - background[:, None, None]).abs().amax(dim=1, keepdim=True) > threshold


def initial_gaussians(
    points: Float[Tensor, "g 3"], colors: Float[Tensor, "g 3"], volume: float, opacity: float
) -> Gaussians:
    """Balls at the points, as large as their shares of the volume ask for."""
    count = len(points)
    sigma = _FILLED * (volume / max(count, 1)) ** (1 / 3)
    log_sigma = math.log(min(max(sigma, _SIGMA[0]), _SIGMA[1]))
    upright = points.new_tensor([1.0, 0.0, 0.0, 0.0])
    return Gaussians(
        means=points[None],
        log_scales=points.new_full((1, count, 3), log_sigma),
        quaternions=upright.expand(1, count, 4).contiguous(),
        colors=colors[None],
        opacities=points.new_full((1, count), opacity),
    )


def hull_points(
    cloud: Cloud, masks: Float[Tensor, "v 1 h w"], cameras: Cameras, generator: torch.Generator
) -> tuple[Float[Tensor, "g 3"], float]:
    """Random points of the visual hull, where no camera sees the background, and its volume.

    At most `cloud.gaussians`: a thin hull holds fewer, densification adds to them. Where the masks
    agree nowhere, the points fill the ball of radius `cloud.reach`.
    """
    ball = 4 / 3 * math.pi * cloud.reach**3
    points = points_in_ball(cloud.gaussians * _TRIES, cloud.reach, generator).to(masks)
    inside = points[(seen_colors(points, masks, cameras) > 0.5).all(dim=0)[:, 0]]
    if len(inside) == 0:
        return points[: cloud.gaussians], ball
    return inside[: cloud.gaussians], ball * len(inside) / len(points)


def first_gaussians(
    images: Float[Tensor, "v 3 h w"],
    cameras: Cameras,
    background: Float[Tensor, "3"],
    config: FitConfig,
    generator: torch.Generator,
) -> Gaussians:
    """Random in the visual hull or in a ball, with the mean of the colours that cameras see."""
    masks = silhouettes(images, background, config.silhouette).to(images)
    if config.start == "ball":
        masks = torch.zeros_like(masks)
    points, volume = hull_points(config.cloud, masks, cameras, generator)
    colors = seen_colors(points, images, cameras).mean(dim=0)
    return initial_gaussians(points, colors.clamp(0.01, 0.99), volume, config.cloud.opacity)
