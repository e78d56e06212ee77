"""Frames of a turning object as a GIF with one palette for all of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image
from scipy.spatial import cKDTree

_COLORS = 256
_SAMPLES = 60_000  # pixels that the palette is fitted to
_REFINEMENTS = 6  # k-means steps after median cut
# Ours: ordered dithering. It hides banding like error diffusion does, but stands still: the
# pattern depends on the pixel only, so unchanged parts of a picture do not flicker.
_BAYER = np.array([[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]]) / 16 - 15 / 32
_DITHER = 4.0  # 8-bit steps from trough to crest


def common_palette(
    frames: UInt8[np.ndarray, "f h w 3"], background: tuple[int, int, int]
) -> UInt8[np.ndarray, "256 3"]:
    """256 colours for all frames, the exact background first: median cut, then k-means."""
    pixels = frames.reshape(-1, 3)
    pixels = pixels[(pixels != background).any(axis=1)]
    palette = np.tile(np.array(background, np.uint8), (_COLORS, 1))
    if not len(pixels):
        return palette
    pixels = pixels[:: max(1, len(pixels) // _SAMPLES)]
    cut = Image.fromarray(pixels[None]).quantize(_COLORS - 1, Image.Quantize.MEDIANCUT)
    raw = np.frombuffer(bytes(cut.getpalette() or ()), np.uint8).reshape(-1, 3)
    centres = raw[: len(cut.getcolors() or ())].astype(float)
    for _ in range(_REFINEMENTS):
        nearest = cKDTree(centres).query(pixels)[1]
        counts = np.bincount(nearest, minlength=len(centres))
        sums = np.stack(
            [np.bincount(nearest, pixels[:, c], minlength=len(centres)) for c in range(3)], axis=1
        )
        used = counts > 0
        centres[used] = sums[used] / counts[used, None]
    palette[1 : len(centres) + 1] = centres.round().astype(np.uint8)
    return palette


def _dithered(frame: UInt8[np.ndarray, "h w 3"]) -> Float[np.ndarray, "h w 3"]:
    height, width, _ = frame.shape
    pattern = np.tile(_BAYER, (-(-height // 4), -(-width // 4)))[:height, :width]
    return frame + _DITHER * pattern[..., None]


def indexed(
    frame: UInt8[np.ndarray, "h w 3"],
    palette: UInt8[np.ndarray, "256 3"],
) -> UInt8[np.ndarray, "h w"]:
    """Each pixel's palette entry; background pixels keep exactly the background (entry 0)."""
    tree = cKDTree(palette.astype(float))
    entries = np.zeros(frame.shape[:2], np.uint8)
    foreground = (frame != palette[0]).any(axis=2)
    entries[foreground] = tree.query(_dithered(frame)[foreground])[1]
    return entries


def write_gif(
    path: Path,
    frames: UInt8[np.ndarray, "f h w 3"],
    frame_ms: int,
    background: tuple[int, int, int] = (255, 255, 255),
) -> None:
    """Write an endless GIF; the same frames give the same bytes."""
    palette = common_palette(frames, background)
    pictures = [_paletted(indexed(frame, palette), palette) for frame in frames]
    pictures[0].save(
        path,
        format="GIF",
        save_all=True,
        append_images=pictures[1:],
        duration=frame_ms,
        loop=0,
        optimize=False,
    )


def _paletted(
    entries: UInt8[np.ndarray, "h w"], palette: UInt8[np.ndarray, "256 3"]
) -> Image.Image:
    picture = Image.fromarray(entries, mode="P")
    picture.putpalette(palette.tobytes())
    return picture


def spread(count: int) -> Sequence[float]:
    """`count` azimuths in degrees, evenly over the circle, from the front."""
    return [360.0 * index / count for index in range(count)]
