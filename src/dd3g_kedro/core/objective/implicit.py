"""L_IV: the teacher judges renderings from random cameras (Sec. III-C)."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from dd3g_kedro.core.objective.config import Verification

_VIEWS = 4  # of a group, 90 degrees apart, as the teacher was trained


def implicit_verification(
    latents: Float[Tensor, "b v c y x"], residual: Callable[[Tensor], Tensor]
) -> Float[Tensor, ""]:
    """Low-noise SDS (Eq. 5); only its gradient, w(t)(eps_phi - eps), has meaning.

    Args:
        latents: z, of the student's renderings, encoded with gradients.
        residual: z -> w(t)(eps_phi(z_t; t, II, c) - eps): the teacher, with t, eps, II and c.
    """
    with torch.no_grad():
        target = latents - residual(latents)
    return 0.5 * (latents - target).square().sum() / len(latents)


def verification_cameras(
    batch: int, config: Verification, generator: torch.Generator
) -> tuple[Float[Tensor, "{batch} v"], Float[Tensor, "{batch} v"]]:
    """Azimuths and elevations of random groups, in radians; on the CPU (Eq. 5, Sec. IV-A).

    Four azimuths 90 degrees apart from a start in [-180, 180), one elevation for the four.
    """
    start = math.pi * (2 * torch.rand(batch, 1, generator=generator) - 1)
    azimuth = start + torch.arange(_VIEWS) * (2 * math.pi / _VIEWS)
    lower, upper = (math.radians(bound) for bound in config.elevation_deg)
    elevation = lower + (upper - lower) * torch.rand(batch, 1, generator=generator)
    return azimuth, elevation.expand(batch, _VIEWS)


def verification_timesteps(
    batch: int, config: Verification, generator: torch.Generator
) -> Int[Tensor, "{batch}"]:
    """One t a group, uniform over the range and both its ends; on the CPU (Sec. IV-A)."""
    lowest, highest = config.timesteps
    return torch.randint(lowest, highest + 1, (batch,), generator=generator)
