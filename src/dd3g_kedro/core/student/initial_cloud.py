"""Ours: where an untrained student puts its Gaussians, and what its decoders say before that."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
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


def scattering(tokens: int, count: int, radius: float) -> Float[Tensor, "g 3"]:
    """What moves each token's `ball` to places of its own, all over the same ball."""
    with torch.device("cpu"):
        own = ball(tokens * count, radius).unflatten(0, (count, tokens)).transpose(0, 1)
        return (own - ball(count, radius)).flatten(0, 1)


class RawAttributes(NamedTuple):
    """What the five decoders say, before their activations."""

    means: Float[Tensor, "b g 3"]  # as they are, box sides
    scales: Float[Tensor, "b g 3"]
    quaternions: Float[Tensor, "b g 4"]
    colors: Float[Tensor, "b g 3"]
    opacities: Float[Tensor, "b g 1"]

    def replaced(
        self, others: RawAttributes, where: Bool[Tensor, "b p k"], per_token: int
    ) -> RawAttributes:
        """The others' values for the first Gaussians of the patches, where they are wanted."""
        patches, count = where.shape[1:]

        def exchange(mine: Tensor, theirs: Tensor) -> Tensor:
            tokens = mine.unflatten(1, (-1, per_token))
            first = tokens[:, 1 : 1 + patches]
            chosen = torch.where(where[..., None], theirs, first[:, :, :count])
            first = torch.cat([chosen, first[:, :, count:]], dim=2)
            whole = torch.cat([tokens[:, :1], first, tokens[:, 1 + patches :]], dim=1)
            return whole.flatten(1, 2)

        return RawAttributes(*map(exchange, self, others))


class Placed(NamedTuple):
    """What a token's decoders start from, raw."""

    means: Float[Tensor, "k 3"]
    scale: float
    opacity: float
    raw_scale: Callable[[Tensor], Tensor]  # of a logarithmic scale
