"""Ours: where an untrained student puts its Gaussians."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

_PLASTIC = 1.2207440846057596  # root of x^4 = x + 1: the golden ratio's counterpart in 3D


def ball(count: int, radius: float) -> Float[Tensor, "{count} 3"]:
    """Points spread evenly in a ball around the origin: an additive lattice, cut to the ball."""
    with torch.device("cpu"):  # also where a model is built on `meta`
        steps = torch.tensor([_PLASTIC**-1, _PLASTIC**-2, _PLASTIC**-3], dtype=torch.float64)
        candidates = torch.arange(1, 2 * count + 65, dtype=torch.float64)[:, None] * steps
        points = 2 * (candidates % 1) - 1  # the ball fills 52 % of this cube
        inside = points[points.norm(dim=-1) <= 1]
        return (radius * inside[:count]).float()
