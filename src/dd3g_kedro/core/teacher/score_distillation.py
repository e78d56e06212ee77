"""What the teacher says of noised renderings: the residual of score distillation (Eq. 5)."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor

from dd3g_kedro.core.teacher.schedule import add_noise

Weighting = Literal["x0_reconstruction", "one_minus_alpha_bar", "sigma_over_alpha", "one"]
RELEASED_RESCALE = 0.2
_TINY = 1e-8  # as released, keeps the ratio of deviations finite

Latents = Float[Tensor, "b v c y x"]


def _clean(noisy: Tensor, noise: Tensor, alpha_bar: Tensor) -> Tensor:
    return (noisy - (1 - alpha_bar).sqrt() * noise) / alpha_bar.sqrt()


def _deviation(latents: Latents) -> Float[Tensor, "b 1 1 1 1"]:
    return latents.flatten(1).std(dim=1)[:, None, None, None, None] + _TINY


def reconstruction(
    noisy: Latents,
    guided: Latents,
    conditional: Latents,
    alpha_bar: Float[Tensor, " b"],
    rescale: float = RELEASED_RESCALE,
) -> Latents:
    """x_0 that the guided noise points to, its contrast pulled to that of the conditional one.

    Guidance overshoots; a share `rescale` of the result has the standard deviation that x_0 has
    without guidance, taken over all views of an object.
    """
    alpha_bar = alpha_bar.to(noisy)[:, None, None, None, None]
    clean = _clean(noisy, guided, alpha_bar)
    if rescale == 0:
        return clean
    factor = _deviation(_clean(noisy, conditional, alpha_bar)) / _deviation(clean)
    return rescale * factor * clean + (1 - rescale) * clean


def distillation_weight(alpha_bar: Float[Tensor, " b"], weighting: str) -> Float[Tensor, " b"]:
    """w(t), the factor of (eps_phi - eps) in the gradient.

    At t = 20 the choices differ 53-fold, so Eq. 6's weight means nothing without this name.

    Raises:
        ValueError: `weighting` has no such form.
    """
    if weighting == "one_minus_alpha_bar":
        return 1 - alpha_bar
    if weighting == "sigma_over_alpha":
        return ((1 - alpha_bar) / alpha_bar).sqrt()
    if weighting == "one":
        return torch.ones_like(alpha_bar)
    raise ValueError(
        f"verification.weighting must be one of {get_args(Weighting)}, got {weighting!r}"
    )


@torch.no_grad()
def residual(
    latents: Latents,
    noise: Latents,
    guided: Latents,
    conditional: Latents,
    alpha_bar: Float[Tensor, " b"],
    weighting: str,
    rescale: float = RELEASED_RESCALE,
) -> Latents:
    """w(t) (eps_phi - eps), the gradient by the latents of one object's loss (Eq. 5).

    With `x0_reconstruction` (ImageDream's released loss) it is latents - x_0 for the
    `reconstruction` x_0; without rescaling that equals `sigma_over_alpha`. The released loss is
    divided by the images of the batch; dividing by objects instead, as Eq. 5 reads, makes it
    larger by the number of views.

    Args:
        latents: of the renderings, clean.
        noise: eps, which was added to them.
        guided: eps_phi with guidance.
        conditional: eps_phi without guidance; used by `x0_reconstruction` alone.
        alpha_bar: of each object's timestep.
        weighting: names w(t), one of `Weighting`.
        rescale: share of contrast correction in `x0_reconstruction`.

    Raises:
        ValueError: an unknown weighting.
    """
    if weighting == "x0_reconstruction":
        noisy = add_noise(latents, noise, alpha_bar)
        return latents - reconstruction(noisy, guided, conditional, alpha_bar, rescale)
    weight = distillation_weight(alpha_bar, weighting).to(latents)
    return weight[:, None, None, None, None] * (guided - noise)
