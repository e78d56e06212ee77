"""II by its file: read, framed, and kept in memory up to a limit."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from threading import Lock

from jaxtyping import Float, UInt8
from torch import Tensor

from dd3g_kedro.core.types import to_bytes
from dd3g_kedro.pictures.config import ImageLimits
from dd3g_kedro.pictures.framing import recentre, recentred_canvas, shrunk, square
from dd3g_kedro.pictures.reading import read_rgba

_LARGEST = 2048  # pixels of the longer side; Ours: photographs are shrunk to it, antialiased
_KEPT_BYTES = 1536 * 2**20  # 24,576 pictures of 128 pixels

_Pixels = UInt8[Tensor, "4 s s"]


class InputImages:
    """The accepted images of a folder, squares of RGBA. Safe to share by threads.

    Args:
        folder: theirs.
        size: pixels a side; None: pictures stay as large as they are, up to 2048, for encoders
            that resize them in their own ways.
    """

    def __init__(self, folder: Path, size: int | None) -> None:
        self._folder = folder
        self._size = size
        self._kept: OrderedDict[tuple[str, float | None], _Pixels] = OrderedDict()
        self._kept_bytes = 0
        self._lock = Lock()

    def __call__(self, file: str, border_ratio: float | None) -> _Pixels:
        """RGBA with straight alpha, sRGB: recentred with that border, without one only padded.

        Raises:
            InvalidImage: the file is not there any more, or cannot be used.
        """
        key = (file, border_ratio)
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        rgba = self._framed(read_rgba(self._folder / file, ImageLimits()), border_ratio)
        pixels = to_bytes(rgba)
        with self._lock:
            if key not in self._kept:
                self._kept[key] = pixels
                self._kept_bytes += pixels.numel()
            while self._kept_bytes > _KEPT_BYTES and len(self._kept) > 1:
                self._kept_bytes -= self._kept.popitem(last=False)[1].numel()
        return pixels

    def __reduce__(self) -> tuple[type[InputImages], tuple[Path, int | None]]:
        """Another process reads the files itself."""
        return InputImages, (self._folder, self._size)

    def _framed(
        self, rgba: Float[Tensor, "4 h w"], border_ratio: float | None
    ) -> Float[Tensor, "4 s s"]:
        rgba = shrunk(rgba, _LARGEST)
        if border_ratio is None:
            return square(rgba, self._size or max(rgba.shape[-2:]))
        if self._size is None:
            return recentred_canvas(rgba, border_ratio)
        return recentre(rgba, self._size, border_ratio)
