"""Raw features of the five heads to attributes (Sec. IV-A)."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from dd3g_kedro.core.types import Gaussians

LOG_SCALE_FLOOR = -9.0  # Sec. IV-A: log s = -9 + 6 sigmoid. Ours: natural log
LOG_SCALE_RANGE = 6.0
OPACITY_MARGIN = 1e-6  # Ours: sigmoid reaches 0 and 1 in float32, and Eq. 7 takes a logarithm
_SMALLEST_NORM = 1e-12  # squared
_EDGE = 0.01  # of the scales' range, from which a feature still learns


@dataclass(frozen=True)
class FreeScales:
    """log s = -9 + 6 sigmoid, each axis alone (Sec. IV-A). Ours: natural logarithm."""

    low: float = LOG_SCALE_FLOOR
    high: float = LOG_SCALE_FLOOR + LOG_SCALE_RANGE

    def __call__(self, raw: Float[Tensor, "*n k"]) -> Float[Tensor, "*n k"]:
        """Logarithmic scales of raw features."""
        return self.low + (self.high - self.low) * raw.sigmoid()

    def raw(self, log_scales: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
        """The feature that all three axes must have to get a scale, or the nearest in the range."""
        share = (log_scales - self.low) / (self.high - self.low)
        return share.clamp(_EDGE, 1 - _EDGE).logit()


@dataclass(frozen=True)
class BoundedScales(FreeScales):
    """Ours: log s_k = low + (high - low) sigmoid(m) + log_ratio tanh(raw_k - m), m their mean.

    One size a Gaussian, from which an axis differs by at most e^log_ratio: no needles.
    """

    log_ratio: float = 0.7

    def __call__(self, raw: Float[Tensor, "*n 3"]) -> Float[Tensor, "*n 3"]:
        """Logarithmic scales of raw features."""
        size = raw.mean(dim=-1, keepdim=True)
        return super().__call__(size) + self.log_ratio * (raw - size).tanh()


PAPER_SCALES = FreeScales()


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
    *,
    scales: FreeScales = PAPER_SCALES,
) -> Gaussians:
    """log s = -9 + 6 sigmoid, q / |q|, c and alpha sigmoid (Sec. IV-A), in float32."""
    return Gaussians(
        means=means.float(),
        log_scales=scales(raw_scales.float()),
        quaternions=unit_quaternions(raw_quaternions.float()),
        colors=raw_colors.float().sigmoid(),
        opacities=squeezed_sigmoid(raw_opacities.float()),
    )
