"""Pictures in 8 bits, and an object seen from all around."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from dd3g_kedro.benchmark.truth.views import ring
from dd3g_kedro.core.geometry import CameraRig
from dd3g_kedro.core.types import Cameras


def eight_bit(images: Float[Tensor, "v c h w"]) -> UInt8[np.ndarray, "v h w c"]:
    """Pictures in [0, 1] as rows of bytes, channels last."""
    rounded = (images.detach().cpu().clamp(0, 1) * 255).round().to(torch.uint8)
    return rounded.permute(0, 2, 3, 1).contiguous().numpy()


def turntable(
    seen: Callable[[Cameras], Float[Tensor, "f 3 s s"]],
    frames: int,
    elevation_deg: float,
    rig: CameraRig,
) -> UInt8[np.ndarray, "f s s 3"]:
    """What `seen` shows from cameras evenly around the object, from the front on.

    Raises:
        ValueError: a pixel is not finite.
    """
    azimuths = [360 * frame / frames for frame in range(frames)]
    images = seen(ring(azimuths, [elevation_deg] * frames, rig))
    if not bool(images.isfinite().all()):
        raise ValueError("expected finite pixels, the method predicted NaN or infinity")
    return eight_bit(images)
