"""II by its file: read, framed, and kept in memory up to a limit."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from threading import Lock

from jaxtyping import Float, UInt8
from torch import Tensor

from dd3g_kedro.core.images.config import ImageLimits
from dd3g_kedro.core.images.framing import recentre, square
from dd3g_kedro.core.images.reading import read_rgba

_KEPT_BYTES = 1536 * 2**20  # 24,576 pictures of 128 pixels


def framed(
    rgba: Float[Tensor, "4 h w"], size: int, border_ratio: float | None
) -> Float[Tensor, "4 {size} {size}"]:
    """Recentre the object with that border; without one the picture is only made square."""
    return square(rgba, size) if border_ratio is None else recentre(rgba, size, border_ratio)


class InputImages:
    """The accepted images of a folder, framed to `size` pixels a side. Safe to share by threads."""

    def __init__(self, folder: Path, size: int) -> None:
        self._folder = folder
        self._size = size
        self._room = max(_KEPT_BYTES // (4 * size * size), 1)
        self._kept: OrderedDict[tuple[str, float | None], UInt8[Tensor, "4 s s"]] = OrderedDict()
        self._lock = Lock()

    def __call__(self, file: str, border_ratio: float | None) -> UInt8[Tensor, "4 s s"]:
        """RGBA with straight alpha, sRGB.

        Raises:
            InvalidImage: the file is not there any more, or cannot be used.
        """
        key = (file, border_ratio)
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        rgba = framed(read_rgba(self._folder / file, ImageLimits()), self._size, border_ratio)
        pixels = (rgba * 255).round().byte()
        with self._lock:
            self._kept[key] = pixels
            while len(self._kept) > self._room:
                self._kept.popitem(last=False)
        return pixels
