"""Linear light and display values."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float


def srgb_from_linear(linear: Float[np.ndarray, "*n"]) -> Float[np.ndarray, "*n"]:
    """Linear light to sRGB values, by the standard's two pieces; neither is clipped."""
    low, high = linear * 12.92, 1.055 * np.maximum(linear, 1e-9) ** (1 / 2.4) - 0.055
    return np.where(linear <= 0.0031308, low, high)
