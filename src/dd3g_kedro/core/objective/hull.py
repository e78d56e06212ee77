"""Ours: Gaussians belong where the views show something."""

from __future__ import annotations

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from dd3g_kedro.core.types import Cameras

_CELLS = 32  # a side of the maps
_CONTRAST = 0.1  # of a channel to the background, from which a pixel is the object's
_NEAREST = 0.1  # box sides; means nearer to a camera than this are taken as there


def silhouette_distances(
    images: Float[Tensor, "b v 3 h w"], background: Float[Tensor, "b 3"]
) -> Float[Tensor, "b v y x"]:
    """How far each cell is from the silhouette in its view, in picture sides; 0 on it.

    Counted in rings of cells around the silhouette. A view that shows nothing is 0 everywhere.
    """
    away = (images - background[:, None, :, None, None]).abs().amax(dim=2)
    cells = F.adaptive_max_pool2d(away, _CELLS)
    reached = (cells > _CONTRAST).float()
    empty = reached.amax(dim=(2, 3), keepdim=True) == 0
    distances = torch.zeros_like(reached)
    for _ in range(_CELLS - 1):
        distances += 1 - reached
        reached = F.max_pool2d(reached, 3, 1, 1)
    return distances.masked_fill(empty, 0) / _CELLS


def hull_distance(
    means: Float[Tensor, "b g 3"], cameras: Cameras, distances: Float[Tensor, "b v y x"]
) -> Float[Tensor, ""]:
    """Mean distance of the Gaussians from the silhouettes, over the views, in picture sides.

    A Gaussian beside the object fades before it moves, and no gradient brings it back; this one
    does, whatever its opacity: to the visual hull of the teacher's views.
    """
    rotation, shift = cameras.world_to_camera[..., :3, :3], cameras.world_to_camera[..., :3, 3]
    local = torch.einsum("bvij,bgj->bvgi", rotation, means) + shift[:, :, None]
    seen = torch.einsum("bvij,bvgj->bvgi", cameras.intrinsics, local)
    places = 2 * seen[..., :2] / seen[..., 2:].clamp_min(_NEAREST) - 1
    found = F.grid_sample(
        rearrange(distances, "b v y x -> (b v) 1 y x"),
        rearrange(places, "b v g c -> (b v) 1 g c"),
        padding_mode="border",
        align_corners=False,
    )
    outside = (places.abs() - 1).clamp_min(0).sum(dim=-1)  # of the picture, in half sides
    return found.mean() + 0.5 * outside.mean()
