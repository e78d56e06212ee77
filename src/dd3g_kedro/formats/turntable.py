"""Frames of a turning object as an animated WebP: true colours, which every browser turns."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image

_QUALITY = 90  # Ours: of lossy WebP; a third of a GIF's bytes, and no palette


def write_turntable(path: Path, frames: UInt8[np.ndarray, "f h w 3"], frame_ms: int) -> None:
    """Write an endless WebP; the same frames give the same bytes."""
    first, *others = (Image.fromarray(frame) for frame in frames)
    first.save(
        path,
        format="WEBP",
        save_all=True,
        append_images=others,
        duration=frame_ms,
        loop=0,
        quality=_QUALITY,
    )


def spread(count: int) -> Sequence[float]:
    """`count` azimuths in degrees, evenly over the circle, from the front."""
    return [360.0 * index / count for index in range(count)]
