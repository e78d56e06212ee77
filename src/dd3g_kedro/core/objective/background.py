"""Compositing and the random background (Eq. 8)."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


def composite(
    rgba: Float[Tensor, "*n 4 h w"], background: Float[Tensor, "*n 3"]
) -> Float[Tensor, "*n 3 h w"]:
    """Lay straight-alpha pictures over a colour."""
    rgb, alpha = rgba[..., :3, :, :], rgba[..., 3:, :, :]
    return rgb * alpha + background[..., None, None] * (1 - alpha)


def random_background(count: int, generator: torch.Generator) -> Float[Tensor, "{count} 3"]:
    """One grey a row: bgc = 1 - (1 - zeta)^3, zeta ~ U(0, 1) (Eq. 8, divided by 255); on the CPU.

    Ours: grey, one number for the three channels, as ImageDream composites its input image.
    """
    zeta = torch.rand(count, 1, generator=generator)
    return (1 - (1 - zeta) ** 3).expand(count, 3)
