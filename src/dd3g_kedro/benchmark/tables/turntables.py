"""Pictures in 8 bits, and an object seen from all around."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, UInt8
from torch import Tensor

from dd3g_kedro.benchmark.truth.views import ring
from dd3g_kedro.core.geometry import CameraRig
from dd3g_kedro.core.types import Cameras, byte_rows


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
    return byte_rows(images)
