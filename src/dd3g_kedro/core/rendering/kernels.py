"""Numba kernels that blend projected Gaussians into one tile of one view, and their adjoint.

Splats are walked by depth and blended into their own pixel box; the box is opacity-aware and
holds every pixel with alpha >= 1/255, so neither boxes nor tiles change the picture.

What makes it fast: rows of pixels are processed in runs of `LANES` without branches, which LLVM
turns into one vector instruction per operation. It does so only if it can prove that no two
accesses overlap: hence one flat canvas whose planes lie a constant `STRIDE` apart, unsigned
indices, and numpy's error model (Python's would leave the loop on a division by zero).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, no_type_check

import numpy as np
from numba import njit

TILE = 64  # pixels a side; a tile's canvas stays in the cache of one core
LANES = 8
STRIDE = TILE + LANES  # a run may reach past the right edge of the tile
FORWARD_ROW = 4 * STRIDE  # planes: transmittance, red, green, blue
BACKWARD_ROW = 11 * STRIDE  # planes: see `blend_backward`
DEAD = np.float32(-1)  # transmittance of canvas pixels that do not exist

ALPHA_CUT = np.float32(1 / 255)
ALPHA_CAP = np.float32(0.999)
TRANSMITTANCE_STOP = np.float32(1e-4)
LN_2 = np.float32(math.log(2))

_ZERO, _HALF, _ONE, _TWO = np.float32(0), np.float32(0.5), np.float32(1), np.float32(2)
_PLANES = tuple(np.uint64(plane * STRIDE) for plane in range(11))
_P1, _P2, _P3, _P4, _P5, _P6, _P7, _P8, _P9, _P10 = _PLANES[1:]
_UP = np.uint64(BACKWARD_ROW)

# Without nnan and ninf, so that NaN and infinity behave as they do on CUDA.
_OPTIONS: dict[str, Any] = {
    "nogil": True,
    "error_model": "numpy",
    "fastmath": {"contract", "reassoc", "nsz", "arcp"},
}


def compiled(function: Callable) -> Callable:
    """Compile with Numba and keep the machine code; in memory only where no folder is writable.

    Numba tries NUMBA_CACHE_DIR, `__pycache__` beside the source, then the user's cache folder.
    """
    try:
        return njit(cache=True, **_OPTIONS)(function)
    except RuntimeError:
        return njit(**_OPTIONS)(function)


def inlined(function: Callable) -> Callable:
    """Compile into each kernel that calls it, never as a function of its own.

    Else a kernel fresh from the compiler would call the function's own machine code, and one read
    from Numba's cache the copy stored with it; optimised apart, the two round differently.
    """
    return njit(forceinline=True, **_OPTIONS)(function)


@inlined
@no_type_check
def _exp2(t):
    """2^t in float32 for t in [-126, 0], relative error below 2e-7."""
    whole = np.floor(t + _HALF)
    rest = t - whole
    value = np.float32(1.5403530e-4)
    value = value * rest + np.float32(1.3333558e-3)
    value = value * rest + np.float32(9.6181291e-3)
    value = value * rest + np.float32(5.5504109e-2)
    value = value * rest + np.float32(2.4022651e-1)
    value = value * rest + np.float32(6.9314718e-1)
    value = value * rest + _ONE
    return value * np.int32((np.int32(whole) + np.int32(127)) << np.int32(23)).view(np.float32)


@compiled
@no_type_check
def blend_forward(splats, boxes, members, left, top, canvas):
    """Blend a tile's members, splats in order of depth, into its canvas.

    A pixel whose transmittance would fall to 1e-4 is finished: the sign of its transmittance
    says so, and the splat that would have done it does not count (gsplat's rule).
    """
    for place in range(len(members)):
        i = members[place]
        x0, x1 = max(boxes[i, 0] - left, 0), min(boxes[i, 1] - left, TILE)
        y0, y1 = max(boxes[i, 2] - top, 0), min(boxes[i, 3] - top, TILE)
        mean_x = splats[i, 0] - np.float32(left) - _HALF
        mean_y = splats[i, 1] - np.float32(top) - _HALF
        a, b, c, opacity = splats[i, 2], splats[i, 3], splats[i, 4], splats[i, 5]
        red, green, blue = splats[i, 6], splats[i, 7], splats[i, 8]
        for y in range(y0, y1):
            dy = mean_y - np.float32(y)
            linear, constant = b * dy, c * dy * dy
            for x in range(x0, x1, LANES):
                start = np.uint64(y * FORWARD_ROW + x)
                for k in range(LANES):
                    j = start + np.uint64(k)
                    dx = mean_x - np.float32(x) - np.float32(k)
                    power = (a * dx + linear) * dx + constant
                    alpha = min(ALPHA_CAP, opacity * _exp2(max(power, np.float32(-126))))
                    light = canvas[j]
                    left_over = light * (_ONE - alpha)
                    touches = (power <= _ZERO) & (alpha >= ALPHA_CUT)
                    blends = touches & (left_over > TRANSMITTANCE_STOP)
                    weight = alpha * light if blends else _ZERO
                    canvas[j + _P1] += weight * red
                    canvas[j + _P2] += weight * green
                    canvas[j + _P3] += weight * blue
                    canvas[j] = left_over if blends else (-abs(light) if touches else light)


@compiled
@no_type_check
def blend_backward(splats, boxes, members, left, top, canvas, gradients):
    """Add to `gradients` a tile's part: of members' centres, conics, opacities and colours.

    Walks the members front to back a second time. Planes: transmittance, `behind`, the three
    gradients of the colour, six sums. `behind` starts as rgb . v_rgb + T v_T, and minus each
    contribution it is what the splats behind and the background add: no reversed list and no
    division of T. The sums run down the columns of a run, row by row, so that they stay vectors;
    they are folded over the lanes once a run. Canvas row 0 lies above the tile.
    """
    for place in range(len(members)):
        i = members[place]
        x0, x1 = max(boxes[i, 0] - left, 0), min(boxes[i, 1] - left, TILE)
        y0, y1 = max(boxes[i, 2] - top, 0), min(boxes[i, 3] - top, TILE)
        for x in range(x0, x1, LANES):
            _clear_sums(canvas, y0, x)
            _run_backward(splats[i], left, top, x, y0, y1, canvas)
            _fold_sums(splats[i], left, x, y1, canvas, gradients[place])


@inlined
@no_type_check
def _clear_sums(canvas, row, x):
    """Start the six sums of a run at zero, in the row above its first."""
    start = np.uint64(row * BACKWARD_ROW + x)
    for k in range(LANES):
        j = start + np.uint64(k)
        canvas[j + _P5] = _ZERO
        canvas[j + _P6] = _ZERO
        canvas[j + _P7] = _ZERO
        canvas[j + _P8] = _ZERO
        canvas[j + _P9] = _ZERO
        canvas[j + _P10] = _ZERO


@inlined
@no_type_check
def _run_backward(splat, left, top, x, y0, y1, canvas):
    """The adjoint of one splat over `LANES` columns; `slope` is alpha dL/dalpha."""
    mean_x, mean_y = splat[0] - np.float32(left) - _HALF, splat[1] - np.float32(top) - _HALF
    a, b, c, opacity = splat[2], splat[3], splat[4], splat[5]
    red, green, blue = splat[6], splat[7], splat[8]
    for y in range(y0, y1):
        dy = mean_y - np.float32(y)
        linear, constant = b * dy, c * dy * dy
        start = np.uint64((y + 1) * BACKWARD_ROW + x)
        for k in range(LANES):
            j = start + np.uint64(k)
            above = j - _UP
            dx = mean_x - np.float32(x) - np.float32(k)
            power = (a * dx + linear) * dx + constant
            uncapped = opacity * _exp2(max(power, np.float32(-126)))
            alpha = min(ALPHA_CAP, uncapped)
            light = canvas[j]
            left_over = light * (_ONE - alpha)
            touches = (power <= _ZERO) & (alpha >= ALPHA_CUT)
            blends = touches & (left_over > TRANSMITTANCE_STOP)
            weight = alpha * light if blends else _ZERO
            v_red, v_green, v_blue = canvas[j + _P2], canvas[j + _P3], canvas[j + _P4]
            v_weight = red * v_red + green * v_green + blue * v_blue
            behind = canvas[j + _P1] - weight * v_weight
            v_alpha = light * v_weight - behind / (_ONE - alpha)
            slope = uncapped * v_alpha if blends & (uncapped <= ALPHA_CAP) else _ZERO
            canvas[j + _P1] = behind
            canvas[j + _P5] = canvas[above + _P5] + slope
            canvas[j + _P6] = canvas[above + _P6] + slope * dy
            canvas[j + _P7] = canvas[above + _P7] + slope * dy * dy
            canvas[j + _P8] = canvas[above + _P8] + weight * v_red
            canvas[j + _P9] = canvas[above + _P9] + weight * v_green
            canvas[j + _P10] = canvas[above + _P10] + weight * v_blue
            canvas[j] = left_over if blends else (-abs(light) if touches else light)


@inlined
@no_type_check
def _fold_sums(splat, left, x, row, canvas, gradient):
    """Fold a run's sums over its lanes and turn them into gradients of the splat."""
    mean_x, opacity = splat[0] - np.float32(left) - _HALF, splat[5]
    start = np.uint64(row * BACKWARD_ROW + x)
    s, sx, sy, sxx, sxy, syy = _ZERO, _ZERO, _ZERO, _ZERO, _ZERO, _ZERO
    red, green, blue = _ZERO, _ZERO, _ZERO
    for k in range(LANES):
        j = start + np.uint64(k)
        dx = mean_x - np.float32(x) - np.float32(k)
        here, here_y = canvas[j + _P5], canvas[j + _P6]
        s += here
        sx += here * dx
        sxx += here * dx * dx
        sy += here_y
        sxy += here_y * dx
        syy += canvas[j + _P7]
        red += canvas[j + _P8]
        green += canvas[j + _P9]
        blue += canvas[j + _P10]
    gradient[0] += LN_2 * (_TWO * splat[2] * sx + splat[3] * sy)
    gradient[1] += LN_2 * (splat[3] * sx + _TWO * splat[4] * sy)
    gradient[2] -= _HALF * sxx
    gradient[3] -= sxy
    gradient[4] -= _HALF * syy
    gradient[5] += s / opacity
    gradient[6] += red
    gradient[7] += green
    gradient[8] += blue
