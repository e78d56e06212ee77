"""L_on: against transparent Gaussians (Sec. III-C)."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

_FLOOR = 1e-30  # keeps log and its gradient finite where float32's sigmoid underflows


def opacity_regularization(opacities: Float[Tensor, "b g"]) -> Float[Tensor, ""]:
    """Discourage transparent Gaussians: -mean(log alpha) (Eq. 7)."""
    return -opacities.float().clamp_min(_FLOOR).log().mean()
