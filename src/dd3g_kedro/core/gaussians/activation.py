"""Raw features of the five heads to attributes (Sec. IV-A)."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from dd3g_kedro.core.types import Gaussians

LOG_SCALE_FLOOR = -9.0  # Sec. IV-A: log s = -9 + 6 sigmoid. Ours: natural log
LOG_SCALE_RANGE = 6.0
OPACITY_MARGIN = 1e-6  # Ours: sigmoid reaches 0 and 1 in float32, and Eq. 7 takes a logarithm
_SMALLEST_NORM = 1e-12  # squared


def unit_quaternions(quaternions: Float[Tensor, "*n 4"]) -> Float[Tensor, "*n 4"]:
    """q / |q|; a quaternion of no length becomes the identity, without gradient. NaN stays."""
    squared = quaternions.square().sum(-1, keepdim=True)
    zero = squared <= _SMALLEST_NORM
    identity = quaternions.new_tensor([1.0, 0.0, 0.0, 0.0])
    unit = quaternions.masked_fill(zero, 0) * squared.masked_fill(zero, 1).rsqrt()
    return unit + zero * identity


def squeezed_sigmoid(raw: Float[Tensor, "b g"]) -> Float[Tensor, "b g"]:
    """Opacities, alpha = sigmoid.

    Ours: squeezed into [1e-6, 1 - 1e-6] rather than clamped, so that Eq. 7 still pulls at
    Gaussians that have vanished.
    """
    return OPACITY_MARGIN + (1 - 2 * OPACITY_MARGIN) * raw.sigmoid()


def activate(
    means: Float[Tensor, "b g 3"],
    raw_scales: Float[Tensor, "b g 3"],
    raw_quaternions: Float[Tensor, "b g 4"],
    raw_colors: Float[Tensor, "b g 3"],
    raw_opacities: Float[Tensor, "b g"],
) -> Gaussians:
    """log s = -9 + 6 sigmoid, q / |q|, c and alpha sigmoid (Sec. IV-A), in float32."""
    return Gaussians(
        means=means.float(),
        log_scales=LOG_SCALE_FLOOR + LOG_SCALE_RANGE * raw_scales.float().sigmoid(),
        quaternions=unit_quaternions(raw_quaternions.float()),
        colors=raw_colors.float().sigmoid(),
        opacities=squeezed_sigmoid(raw_opacities.float()),
    )
