"""Numba kernels that pick, order and bin the Gaussians that one view can see."""

from __future__ import annotations

import math
from typing import no_type_check

import numpy as np

from dd3g_kedro.core.rendering.kernels import ALPHA_CUT, TILE, compiled, inlined

LARGEST_EXTENT = 3.33  # standard deviations, where opacity is 1
NEAR = 0.01
FAR = 1e10
_LOG2_E = np.float32(math.log2(math.e))
_HALF = np.float32(0.5)
_INDEX = np.uint64(0xFFFFFFFF)


@inlined
@no_type_check
def _box_extent(opacity):
    """Standard deviations until alpha falls to 1/255, and a little, against rounding."""
    ratio = max(opacity / ALPHA_CUT, np.float32(1))
    return 1.001 * min(LARGEST_EXTENT, math.sqrt(2 * math.log(ratio)))


@inlined
@no_type_check
def _pixels_within(centre, reach, size):
    """The pixels [first, last) whose centres lie within `reach` of `centre`."""
    first = math.ceil(min(max(centre - reach - 0.5, 0.0), size))
    last = math.floor(max(min(centre + reach - 0.5, size - 1.0), -1.0)) + 1
    return first, last


@compiled
@no_type_check
def visible_keys(means2d, spreads, conics, depths, opacities, size, keys):
    """Write depth and index of every Gaussian that touches a pixel; sorted, they give the order.

    Returns how many were written. A positive float's bits rise with its value, so
    (bits << 32 | index) sorts by depth and, at equal depth, by index, as gsplat does.
    NaN and infinity anywhere in the geometry hide a Gaussian.
    """
    count = 0
    for i in range(len(depths)):
        geometry = means2d[0, i] + means2d[1, i] + spreads[0, i] + spreads[1, i]
        geometry += conics[0, i] + conics[1, i] + conics[2, i]
        if not (NEAR <= depths[i] <= FAR and opacities[i] >= ALPHA_CUT and np.isfinite(geometry)):
            continue
        extent = _box_extent(opacities[i])
        x0, x1 = _pixels_within(means2d[0, i], extent * spreads[0, i], size)
        y0, y1 = _pixels_within(means2d[1, i], extent * spreads[1, i], size)
        if x0 < x1 and y0 < y1:
            keys[count] = (
                np.uint64(np.float32(depths[i]).view(np.uint32)) << np.uint64(32)
            ) | np.uint64(i)
            count += 1
    return count


@compiled
@no_type_check
def gather(keys, means2d, spreads, conics, opacities, colors, size, splats, boxes):
    """Lay the visible Gaussians out by depth, nine floats and a pixel box [x0, x1) x [y0, y1) each.

    Conics are scaled so that alpha = opacity * 2^(A dx^2 + B dx dy + C dy^2).
    """
    for row in range(len(keys)):
        i = np.int64(keys[row] & _INDEX)
        splats[row, 0] = means2d[0, i]
        splats[row, 1] = means2d[1, i]
        splats[row, 2] = -_HALF * _LOG2_E * conics[0, i]
        splats[row, 3] = -_LOG2_E * conics[1, i]
        splats[row, 4] = -_HALF * _LOG2_E * conics[2, i]
        splats[row, 5] = opacities[i]
        extent = _box_extent(opacities[i])
        for channel in range(3):
            splats[row, 6 + channel] = colors[channel, i]
        for axis in range(2):
            first, last = _pixels_within(means2d[axis, i], extent * spreads[axis, i], size)
            boxes[row, 2 * axis] = first
            boxes[row, 2 * axis + 1] = last


@compiled
@no_type_check
def bin_into_tiles(boxes, tiles_a_side):
    """Which splats touch which tile, by depth: tile t has members[starts[t] : starts[t + 1]]."""
    starts = np.zeros(tiles_a_side * tiles_a_side + 1, np.int64)
    for i in range(len(boxes)):
        for ty in range(boxes[i, 2] // TILE, (boxes[i, 3] - 1) // TILE + 1):
            for tx in range(boxes[i, 0] // TILE, (boxes[i, 1] - 1) // TILE + 1):
                starts[ty * tiles_a_side + tx + 1] += 1
    starts = np.cumsum(starts)
    members = np.empty(starts[-1], np.int32)
    ends = starts.copy()
    for i in range(len(boxes)):
        for ty in range(boxes[i, 2] // TILE, (boxes[i, 3] - 1) // TILE + 1):
            for tx in range(boxes[i, 0] // TILE, (boxes[i, 1] - 1) // TILE + 1):
                members[ends[ty * tiles_a_side + tx]] = i
                ends[ty * tiles_a_side + tx] += 1
    return starts, members


@compiled
@no_type_check
def scatter(keys, members, tile_gradients, gradients):
    """Add a tile's gradients of its members to those of the view's Gaussians."""
    for place in range(len(members)):
        i = np.int64(keys[members[place]] & _INDEX)
        for part in range(9):
            gradients[part, i] += tile_gradients[place, part]
