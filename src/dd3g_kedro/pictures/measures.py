"""What can be measured of one picture: where its object lies, how sharp, how well exposed."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, UInt8
from PIL import Image
from scipy import fft, ndimage

_VISIBLE = 128  # alpha from which a pixel belongs to the object
_WORKING_SIDE = 512  # pixels; larger pictures are reduced before what needs no more is measured
_GREY = 0.5  # background on which both black and white objects are seen
_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)
_STEP = 2 / 255  # between neighbours, below which a change is rounding
_SMALLEST_PART = 1e-3  # share of the object below which a piece is not counted


@dataclass(frozen=True, kw_only=True)
class Measures:
    """One picture in numbers; shares lie in [0, 1]."""

    transparent: bool  # any pixel is not solid
    coverage: float  # share of pixels that the object covers
    box_left: int  # pixels, inclusive
    box_top: int
    box_right: int  # pixels, exclusive
    box_bottom: int
    off_centre: float  # of the box's centre, in longer sides of the picture
    border_left: float  # share of the side that the object touches
    border_top: float
    border_right: float
    border_bottom: float
    parts: int  # unconnected pieces of at least a thousandth of the object
    largest_part: float  # share of the object
    sharpness: float  # 1 is sharp, 0 is blurred beyond change
    brightness: float  # mean luma of the object
    clipped: float  # share of the object that is pure black or pure white
    mean_red: float  # of the object
    mean_green: float
    mean_blue: float
    phash: str  # 64 bits, 16 hexadecimal digits


def measure(pixels: UInt8[np.ndarray, "h w 4"]) -> Measures:
    """Measure a picture with straight alpha."""
    visible = pixels[..., 3] >= _VISIBLE
    left, top, right, bottom = _box(visible)
    height, width = visible.shape
    centre = math.hypot((left + right - width) / 2, (top + bottom - height) / 2)
    reduced = _reduce(pixels)
    color = reduced[..., :3].astype(np.float32) / 255
    mask = reduced[..., 3] >= _VISIBLE
    if not mask.any():  # a hair that reduction has thinned away
        mask = reduced[..., 3] >= max(int(reduced[..., 3].max()), 1)
    alpha = reduced[..., 3:].astype(np.float32) / 255
    luma = (color * alpha + _GREY * (1 - alpha)) @ _LUMA
    seen = color[mask]
    parts, largest = _parts(mask)
    mean = seen.mean(axis=0, dtype=np.float64) if len(seen) else np.zeros(3)
    pure = (seen <= 2 / 255).all(axis=1) | (seen >= 253 / 255).all(axis=1)
    return Measures(
        transparent=bool((pixels[..., 3] < 255).any()),
        coverage=float(visible.mean()),
        box_left=left,
        box_top=top,
        box_right=right,
        box_bottom=bottom,
        off_centre=centre / max(height, width) if visible.any() else 0.0,
        border_left=float(visible[:, 0].mean()),
        border_top=float(visible[0].mean()),
        border_right=float(visible[:, -1].mean()),
        border_bottom=float(visible[-1].mean()),
        parts=parts,
        largest_part=largest,
        sharpness=sharpness(_crop(luma, mask)),
        brightness=float(mean @ _LUMA),
        clipped=float(pure.mean()) if len(seen) else 0.0,
        mean_red=float(mean[0]),
        mean_green=float(mean[1]),
        mean_blue=float(mean[2]),
        phash=f"{perceptual_hash(_square_box(luma, mask)):016x}",
    )


def perceptual_hash(luma: Float[np.ndarray, "h w"]) -> int:
    """64 signs of the lowest frequencies of the cosine transform, against their median.

    Given the object's square box it sees neither the object's place nor its size.
    """
    small = Image.fromarray(luma).resize((32, 32), Image.Resampling.BOX)
    low = fft.dctn(np.asarray(small), norm="ortho")[:8, :8]
    bits = (low > np.median(low)).ravel()
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def sharpness(luma: Float[np.ndarray, "h w"]) -> float:
    """How much a blur changes the variation between neighbours (Crete et al. 2007), in [0, 1].

    What is already blurred hardly changes; the contrast hardly matters. Ours: steps of two 8-bit
    levels do not count, of which smooth shading consists.
    """
    kept = []
    for axis in (0, 1):
        variation = np.abs(np.diff(luma, axis=axis))
        smooth = ndimage.uniform_filter1d(luma, 9, axis=axis, mode="nearest")
        change = variation - np.abs(np.diff(smooth, axis=axis))
        total = float(np.maximum(variation - _STEP, 0).sum())
        if total > 0:
            kept.append(float(np.maximum(change - _STEP, 0).sum()) / total)
    return min(kept, default=0.0)


def _reduce(pixels: UInt8[np.ndarray, "h w 4"]) -> UInt8[np.ndarray, "y x 4"]:
    """At most the working side, by whole factors, averaged with premultiplied alpha."""
    factor = math.ceil(max(pixels.shape[:2]) / _WORKING_SIDE)
    if factor == 1:
        return pixels
    return np.asarray(Image.fromarray(pixels).reduce(factor))


def _box(visible: Bool[np.ndarray, "h w"]) -> tuple[int, int, int, int]:
    """Left, top, right, bottom; the latter two exclusive; zeros where nothing is visible."""
    columns, rows = np.flatnonzero(visible.any(axis=0)), np.flatnonzero(visible.any(axis=1))
    if not len(rows):
        return 0, 0, 0, 0
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _crop(luma: Float[np.ndarray, "h w"], mask: Bool[np.ndarray, "h w"]) -> np.ndarray:
    """The object and a margin in which its silhouette's blur shows."""
    left, top, right, bottom = _box(mask)
    margin = 8
    return luma[max(top - margin, 0) : bottom + margin, max(left - margin, 0) : right + margin]


def _square_box(luma: Float[np.ndarray, "h w"], mask: Bool[np.ndarray, "h w"]) -> np.ndarray:
    """The object's box in the middle of the smallest square that holds it."""
    left, top, right, bottom = _box(mask)
    height, width = bottom - top, right - left
    side = max(height, width, 1)
    result = np.full((side, side), _GREY, dtype=np.float32)
    y, x = (side - height) // 2, (side - width) // 2
    result[y : y + height, x : x + width] = luma[top:bottom, left:right]
    return result


def _parts(mask: Bool[np.ndarray, "h w"]) -> tuple[int, float]:
    """How many pieces are not connected, also by corners, and the largest one's share."""
    pieces, count = ndimage.label(mask, structure=np.ones((3, 3), dtype=int))
    if not count:
        return 0, 0.0
    sizes = np.bincount(pieces.ravel())[1:] / mask.sum()
    return int((sizes >= _SMALLEST_PART).sum()), float(sizes.max())
