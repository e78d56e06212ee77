"""Where the object lies in its picture: recentred as LGM does, or only padded to a square."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from dd3g_kedro.core.errors import InvalidImage
from dd3g_kedro.core.teacher.preprocessing import resize_as_lgm
from dd3g_kedro.pictures.config import Framing

_INVISIBLE = 1e-6  # alpha below which a colour cannot be known
_VISIBLE = 0.5  # alpha from which a pixel belongs to the object's box
_LARGEST = 6  # sizes: a photograph of many megapixels is shrunk to that first


def recentre(
    rgba: Float[Tensor, "4 h w"], size: int, border_ratio: float = 0.2
) -> Float[Tensor, "4 {size} {size}"]:
    """Scale the object's box to `1 - border_ratio` of a square and centre it, as LGM does.

    Its canvas is resized as LGM resizes what it shows the VAE, so that laying the result over a
    background equals resizing the canvas laid over it.

    Raises:
        InvalidImage: no pixel is visible.
    """
    canvas = recentred_canvas(rgba, border_ratio)
    if canvas.shape[-1] == size:
        return canvas
    return straighten(resize_as_lgm(premultiply(canvas)[None], size)[0])


def recentred_canvas(
    rgba: Float[Tensor, "4 h w"], border_ratio: float = 0.2
) -> Float[Tensor, "4 s s"]:
    """LGM's `recenter` (imagedream.md, section 6): the object in a square of the longer side.

    The last visible row and column are left out, colours are averaged with straight alpha, and the
    result is truncated to 8 bits: its quirks.

    Raises:
        InvalidImage: no pixel is visible.
    """
    visible = rgba[3] > 0
    if not visible.any():
        raise InvalidImage("no pixel is visible (alpha is 0 everywhere); use another picture")
    top, bottom = _extent(visible.any(dim=1))
    left, right = _extent(visible.any(dim=0))
    side = max(rgba.shape[-2:])
    height, width = bottom - top, right - left
    scale = int(side * (1 - border_ratio)) / max(height, width)
    new_height, new_width = max(int(height * scale), 1), max(int(width * scale), 1)
    resize = _shrink if scale <= 1 else _enlarge
    scaled = resize(rgba[:, top:bottom, left:right], new_height, new_width)
    canvas = torch.zeros(4, side, side).to(rgba)
    y, x = (side - new_height) // 2, (side - new_width) // 2
    canvas[:, y : y + new_height, x : x + new_width] = scaled
    return (canvas * 255).floor().clamp(0, 255) / 255


def square(rgba: Float[Tensor, "4 h w"], size: int) -> Float[Tensor, "4 {size} {size}"]:
    """Pad to a square with transparency, the picture in the middle, and resize, antialiased."""
    height, width = rgba.shape[-2:]
    side = max(height, width)
    top, left = (side - height) // 2, (side - width) // 2
    padded = F.pad(rgba, (left, side - width - left, top, side - height - top))
    if side == size:
        return padded
    resized = F.interpolate(
        premultiply(padded)[None], size=(size, size), mode="bilinear", antialias=True
    )
    return straighten(resized[0])


def frame(
    rgba: Float[Tensor, "4 h w"], size: int, framing: Framing
) -> Float[Tensor, "4 {size} {size}"]:
    """The square picture that a method sees, recentred as `framing` says."""
    rgba = shrunk(rgba, _LARGEST * size)
    if framing.recentre == "always" or (
        framing.recentre == "when_needed" and not well_framed(rgba, framing)
    ):
        return recentre(rgba, size, framing.border_ratio)
    return square(rgba, size)


def shrunk(rgba: Float[Tensor, "4 h w"], largest: int) -> Float[Tensor, "4 y x"]:
    """The picture with its longer side at most `largest` pixels, antialiased."""
    height, width = rgba.shape[1:]
    scale = largest / max(height, width)
    if scale >= 1:
        return rgba
    size = (max(round(height * scale), 1), max(round(width * scale), 1))
    return straighten(
        F.interpolate(premultiply(rgba)[None], size=size, mode="bilinear", antialias=True)[0]
    )


def well_framed(rgba: Float[Tensor, "4 h w"], framing: Framing) -> bool:
    """Whether the object is centred and neither large nor small, as in the training pictures."""
    height, width = rgba.shape[1:]
    visible = rgba[3] > _VISIBLE
    if not visible.any():
        return False
    side = max(height, width)
    extents, offsets = [], []
    for axis, length in ((0, height), (1, width)):
        hit = visible.any(dim=1 - axis).nonzero()
        low, high = int(hit[0]), int(hit[-1]) + 1
        extents.append((high - low) / side)
        offsets.append(abs(low + high - length) / 2 / side)
    smallest, largest = framing.extent
    return smallest <= max(extents) <= largest and max(offsets) <= framing.centre_tolerance


def premultiply(rgba: Float[Tensor, "4 h w"]) -> Float[Tensor, "4 h w"]:
    """Straight alpha to premultiplied, in which pictures may be averaged."""
    return torch.cat([rgba[:3] * rgba[3:], rgba[3:]])


def straighten(premultiplied: Float[Tensor, "4 h w"]) -> Float[Tensor, "4 h w"]:
    """Premultiplied alpha to straight; colours that cannot be seen are black."""
    alpha = premultiplied[3:].clamp(0, 1)
    colors = premultiplied[:3] / alpha.clamp(min=_INVISIBLE)
    return torch.cat([torch.where(alpha > _INVISIBLE, colors.clamp(0, 1), 0), alpha])


def _extent(occupied: Tensor) -> tuple[int, int]:
    """First and last index, the last one exclusive; at least one wide."""
    indices = occupied.nonzero()
    first, last = int(indices[0]), int(indices[-1])
    return first, max(last, first + 1)


def _shrink(picture: Tensor, height: int, width: int) -> Tensor:
    """Area interpolation: each pixel is the mean of what it covers."""
    rows = _coverage(picture.shape[1], height)
    columns = _coverage(picture.shape[2], width)
    return torch.einsum("yh,chw,xw->cyx", rows, picture.double(), columns).to(picture)


def _coverage(source: int, target: int) -> Float[Tensor, "{target} {source}"]:
    """The share of each source pixel in each target pixel, along one axis."""
    step = source / target
    start = torch.arange(target, dtype=torch.float64)[:, None] * step
    pixel = torch.arange(source, dtype=torch.float64)[None]
    covered = torch.minimum(start + step, pixel + 1) - torch.maximum(start, pixel)
    return covered.clamp(min=0) / step


def _enlarge(picture: Tensor, height: int, width: int) -> Tensor:
    """Area interpolation of a picture that grows, in OpenCV's order of float32 operations.

    It is linear between two neighbours, blended over the one target pixel that their seam crosses.
    """
    first, second, near, far = (axis.to(picture.device) for axis in _seams(picture.shape[2], width))
    wide = picture[:, :, first] * near + picture[:, :, second] * far
    first, second, near, far = (
        axis.to(picture.device) for axis in _seams(picture.shape[1], height)
    )
    return wide[:, first] * near[:, None] + wide[:, second] * far[:, None]


def _seams(source: int, target: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The two source pixels of each target pixel and their weights, along one axis."""
    index = torch.arange(target, dtype=torch.float64)
    growth = target / source
    first = (index * (1 / growth)).floor()
    far = ((index + 1) - (first + 1) * growth).float()
    far = torch.where((far <= 0) | (first >= source - 1), 0, far - far.floor())
    second = (first + 1).clamp(max=source - 1)
    return first.long(), second.long(), 1 - far, far
