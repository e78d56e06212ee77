"""Pictures of a mesh, filtered for drawing them small."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from einops import reduce
from jaxtyping import Float32, UInt8
from PIL import Image

from dd3g_kedro.objects.mesh import Textures

_LONGEST_SIDE = 2048  # texels. Ours: finer pictures are halved, no view here shows more


def texture_array(picture: Image.Image, keep_alpha: bool) -> UInt8[np.ndarray, "h w 4"]:
    """Decode to RGBA of at most 2,048 texels a side; opaque unless `keep_alpha`."""
    while max(picture.size) > _LONGEST_SIDE:
        picture = picture.reduce(2)
    rgba = np.array(picture.convert("RGBA"))
    if not keep_alpha:
        rgba[..., 3] = 255
    return _spread_into_holes(rgba)


def _spread_into_holes(rgba: UInt8[np.ndarray, "h w 4"]) -> UInt8[np.ndarray, "h w 4"]:
    """Give holes the colour of the nearest surface, so that filtering draws no dark rims."""
    from scipy.ndimage import distance_transform_edt

    hole = rgba[..., 3] < 128
    if not hole.any() or hole.all():
        return rgba
    rows, columns = distance_transform_edt(hole, return_distances=False, return_indices=True)
    return np.concatenate([rgba[rows, columns, :3], rgba[..., 3:]], axis=-1)


def _halved(level: Float32[np.ndarray, "h w 4"]) -> Float32[np.ndarray, "y x 4"]:
    """Mean of 2 x 2 texels; an odd last row or column is dropped, a single one kept."""
    for axis in (0, 1):
        if level.shape[axis] > 1:
            even = level.take(range(level.shape[axis] // 2 * 2), axis)
            pattern = "(y two) x c -> y x c" if axis == 0 else "y (x two) c -> y x c"
            level = reduce(even, pattern, "mean", two=2)
    return level


def stack_textures(pictures: Sequence[UInt8[np.ndarray, "_ _ 4"]]) -> Textures:
    """Lay pictures and their mip levels behind each other."""
    texels, levels, first_level, start = [np.zeros((0, 4), np.uint8)], [], [0], 0
    for picture in pictures:
        level = picture.astype(np.float32)
        while True:
            height, width = level.shape[:2]
            levels.append((start, height, width))
            texels.append(np.round(level).astype(np.uint8).reshape(-1, 4))
            start += height * width
            if height == width == 1:
                break
            level = _halved(level)
        first_level.append(len(levels))
    return Textures(
        texels=np.concatenate(texels),
        levels=np.array(levels, np.int64).reshape(-1, 3),
        first_level=np.array(first_level, np.int64),
        cutout=np.array([bool((p[..., 3] < 128).any()) for p in pictures], bool),
    )
