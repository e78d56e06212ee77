"""N is stored as its seed (at 2.8 million quadruples the tensors would be 184 GB)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor


def noise_from_seeds(seeds: Sequence[int], shape: tuple[int, ...]) -> Float[Tensor, "b ..."]:
    """N ~ N(0, 1), one draw a seed, on the CPU in float32: a seed restores N exactly.

    Args:
        seeds: 64-bit seeds, one an object.
        shape: (v, c, y, x), the views' latents. Ours: the input image's own frame has no noise,
            because the pixel controller overwrites that latent (`imagedream`: inert).
    """
    rows = []
    for seed in seeds:
        generator = torch.Generator().manual_seed(int(seed))
        rows.append(torch.randn(shape, generator=generator))
    return torch.stack(rows)
