"""Cut an object out of a plain photograph whose background has one colour."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Bool, Float
from scipy import ndimage
from torch import Tensor

from dd3g_kedro.core.errors import InvalidImage

_TOLERANCE = 0.07  # largest channel difference to the background's colour, compression included
_UNIFORM_SHARE = 0.9  # of the border that must have that colour
_SPECK = 1e-4  # share of the picture below which a piece is noise
_EDGE = 2  # pixels in which object and background mix


def remove_uniform_background(image: Float[Tensor, "3 h w"]) -> Float[Tensor, "4 h w"]:
    """Flood the background from the border and mix the edge back out of it.

    Colours like the background's that the object encloses stay. Ours: no network is involved, so
    only a background of one colour can be removed.

    Raises:
        InvalidImage: the border has no single colour, or nothing but background is there.
    """
    pixels = image.permute(1, 2, 0).numpy()
    color = _border_color(pixels)
    distance = np.abs(pixels - color).max(axis=-1)
    inside = _object(distance)
    contrast = ndimage.maximum_filter(distance, size=2 * _EDGE + 1)
    edge = inside & ndimage.binary_dilation(~inside, iterations=_EDGE)
    mixed = np.clip(distance / np.maximum(contrast, 1e-6), 0, 1)
    alpha = np.where(edge, mixed, inside).astype(np.float32)[..., None]
    unmixed = (pixels - (1 - alpha) * color) / np.maximum(alpha, 1e-3)
    rgba = np.concatenate([np.where(alpha > 0, unmixed.clip(0, 1), 0), alpha], axis=-1)
    return torch.from_numpy(rgba.astype(np.float32)).permute(2, 0, 1).contiguous()


def _border_color(pixels: Float[np.ndarray, "h w 3"]) -> Float[np.ndarray, "3"]:
    frame = max(round(0.01 * min(pixels.shape[:2])), 1)
    border = np.concatenate(
        [
            side.reshape(-1, 3)
            for side in (pixels[:frame], pixels[-frame:], pixels[:, :frame], pixels[:, -frame:])
        ]
    )
    color = np.median(border, axis=0)
    share = (np.abs(border - color).max(axis=-1) < _TOLERANCE).mean()
    if share < _UNIFORM_SHARE:
        raise InvalidImage(
            "the background cannot be removed offline: it must have one colour all along the "
            f"picture's border ({_UNIFORM_SHARE:.0%} of it), here {share:.0%} has; supply an RGBA "
            "picture (PNG with transparency) whose background was removed before"
        )
    return color


def _object(distance: Float[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"]:
    """What the background, flooded from the border, does not reach; without specks."""
    regions, _ = ndimage.label(distance < _TOLERANCE)
    outside = np.unique(np.concatenate([regions[0], regions[-1], regions[:, 0], regions[:, -1]]))
    inside = ~np.isin(regions, outside[outside > 0])
    pieces, count = ndimage.label(inside, structure=np.ones((3, 3)))
    sizes = ndimage.sum_labels(inside, pieces, np.arange(count + 1))
    inside &= (sizes >= _SPECK * inside.size)[pieces]
    if not inside.any():
        raise InvalidImage(
            "nothing but background is left: the whole picture has the colour of its border; "
            "use a picture whose object differs from the background"
        )
    return inside
