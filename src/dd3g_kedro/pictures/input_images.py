"""II by its id: found, read, compared with the id, framed, and kept in memory up to a limit."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from threading import Lock

from jaxtyping import Float, UInt8
from torch import Tensor

from dd3g_kedro.core.errors import InvalidImage
from dd3g_kedro.pictures.config import ImageLimits
from dd3g_kedro.pictures.decoding import decode
from dd3g_kedro.pictures.framing import recentre, recentred_canvas, shrunk, square
from dd3g_kedro.pictures.reading import read_rgba

_LARGEST = 2048  # pixels of the longer side; Ours: photographs are shrunk to it, antialiased
_KEPT_BYTES = 1536 * 2**20  # 24,576 pictures of 128 pixels

_Pixels = UInt8[Tensor, "4 s s"]


class InputImages:
    """Pictures as squares of RGBA. Safe to share by threads.

    Args:
        files: theirs by id.
        size: pixels a side; None: pictures stay as large as they are, up to 2048, for encoders
            that resize them in their own ways.
    """

    def __init__(self, files: Mapping[str, Path], size: int | None) -> None:
        self._files = files
        self._size = size
        self._kept: OrderedDict[tuple[str, float | None], _Pixels] = OrderedDict()
        self._kept_bytes = 0
        self._lock = Lock()

    def __call__(self, image_id: str, border_ratio: float | None) -> _Pixels:
        """RGBA with straight alpha, sRGB: recentred with that border, without one only padded.

        Raises:
            InvalidImage: there is no such picture any more, it has changed, or it cannot be used.
        """
        key = (image_id, border_ratio)
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        if image_id not in self._files:
            raise InvalidImage(
                f"image {image_id}: expected a picture with this id among the "
                f"{len(self._files):,} known ones, found none: it is gone or has changed since the "
                "quadruples were sampled. Put it back and run `kedro run --pipelines=validate`, or "
                "run validate and then `sample` again"
            )
        rgba = read_rgba(self._files[image_id], ImageLimits(), image_id=image_id)
        rgba = self._framed(rgba, border_ratio)
        pixels = (rgba * 255).round().byte()
        with self._lock:
            if key not in self._kept:
                self._kept[key] = pixels
                self._kept_bytes += pixels.numel()
            while self._kept_bytes > _KEPT_BYTES and len(self._kept) > 1:
                self._kept_bytes -= self._kept.popitem(last=False)[1].numel()
        return pixels

    def name(self, image_id: str) -> str:
        """The file's name, as far as it is known."""
        return self._files[image_id].stem if image_id in self._files else image_id

    def __reduce__(self) -> tuple[type[InputImages], tuple[Mapping[str, Path], int | None]]:
        """Another process reads the files itself."""
        return InputImages, (self._files, self._size)

    def _framed(
        self, rgba: Float[Tensor, "4 h w"], border_ratio: float | None
    ) -> Float[Tensor, "4 s s"]:
        rgba = shrunk(rgba, _LARGEST)
        if border_ratio is None:
            return square(rgba, self._size or max(rgba.shape[-2:]))
        if self._size is None:
            return recentred_canvas(rgba, border_ratio)
        return recentre(rgba, self._size, border_ratio)


def pictures_in(folder: Path) -> dict[str, Path]:
    """The pictures (*.png) of a folder by their ids, in the order of their names.

    Raises:
        InvalidImage: one cannot be read.
    """
    files = sorted(folder.glob("*.png"))
    return {decode(path, ImageLimits()).image_id: path for path in files}
