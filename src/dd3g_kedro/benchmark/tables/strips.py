"""Many frames as one picture, and pictures inside a page."""

from __future__ import annotations

import base64
import io

import numpy as np
from jaxtyping import UInt8
from PIL import Image

# What frames of one object show: the picture that methods are given, the truth at the scored
# cameras, a method's views from there, and its object from all around.
INPUT, TRUTH, VIEWS, TURNTABLE = "input", "ground truth", "views", "turntable"


def tiled(frames: UInt8[np.ndarray, "f s s 3"], columns: int) -> UInt8[np.ndarray, "h w 3"]:
    """All frames in one picture, row by row; white where the last row ends early."""
    count, size = frames.shape[:2]
    rows = -(-count // columns)
    sheet = np.full((rows * columns, size, size, 3), 255, np.uint8)
    sheet[:count] = frames
    grid = sheet.reshape(rows, columns, size, size, 3).transpose(0, 2, 1, 3, 4)
    return grid.reshape(rows * size, columns * size, 3)


def webp(pixels: UInt8[np.ndarray, "h w 3"], quality: int) -> bytes:
    """The picture as a lossy WebP file."""
    stream = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(stream, "WEBP", quality=quality)
    return stream.getvalue()


def data_uri(content: bytes) -> str:
    """A WebP file as an address that holds it."""
    return "data:image/webp;base64," + base64.b64encode(content).decode("ascii")
