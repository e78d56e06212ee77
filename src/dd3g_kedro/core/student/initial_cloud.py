"""Ours: where an untrained student puts its Gaussians."""

from __future__ import annotations

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor


def ball(count: int, radius: float) -> Float[Tensor, "{count} 3"]:
    """Points spread evenly in a ball around the origin: a rank-3 additive lattice, kept inside."""
    plastic = 1.2207440846057596  # root of x^4 = x + 1: the generalised golden ratio in 3D
    steps = torch.tensor([plastic**-1, plastic**-2, plastic**-3], dtype=torch.float64)
    candidates = torch.arange(1, 2 * count + 65, dtype=torch.float64)[:, None] * steps
    points = 2 * (candidates % 1) - 1  # the ball fills 52 % of this cube
    inside = points[points.norm(dim=-1) <= 1]
    return (radius * inside[:count]).float()


def split_into_cells(points: Float[Tensor, "n 3"], cells: int) -> Float[Tensor, "{cells} m 3"]:
    """Give every token its own compact part of the cloud: halve along the longest axis, repeat."""
    if cells == 1:
        return points[None]
    size = len(points) // cells
    left = cells // 2
    extent = points.amax(dim=0) - points.amin(dim=0)
    ordered = points[points[:, int(extent.argmax())].argsort(stable=True)]
    parts = (
        split_into_cells(ordered[: left * size], left),
        split_into_cells(ordered[left * size :], cells - left),
    )
    return torch.cat(parts)


def initial_means(tokens: int, gaussians_per_token: int, radius: float) -> Float[Tensor, "n 3"]:
    """A ball of points, one compact cell a token."""
    points = ball(tokens * gaussians_per_token, radius)
    return rearrange(split_into_cells(points, tokens), "t g k -> (t g) k")
