"""The arithmetic of the mesh renderer, one triangle and one sample at a time.

Triangles are scan-converted in homogeneous coordinates (Olano and Greer 1997): with the corners
p_i = K (R x_i + t) and the sample s = (x, y, 1), the planes E_0 = p_1 x p_2 (and cyclic) give
perspective-correct barycentric weights (E_i . s) / sum(E . s) and the depth det / sum(E . s),
whatever lies behind the camera: nothing needs to be clipped. The planes of an edge that two
triangles share differ in sign alone, so no sample on it is missed.

The same functions serve both processors: CUDA kernels compile them again for the device.
"""

from __future__ import annotations

import math
from typing import no_type_check

from numba import njit

# columns of a triangle's row: nine plane coefficients, then
DEPTH_SCALE = 9  # |det|; zero: the triangle is not drawn
FACING = 10  # +1: its front is seen, -1: its back
LEVEL = 11  # mip level, counted over all levels of all pictures; -1 without a picture
LEFT, RIGHT, TOP, BOTTOM = 12, 13, 14, 15  # samples that it may touch, ends excluded
ROW = 16

NEAR = 0.01  # nothing nearer to the camera is drawn
_TINY = 1e-14  # twice the area of a triangle seen edge-on


@njit(nogil=True, cache=True, error_model="numpy")
@no_type_check  # of jaxtyping, which would wrap what Numba compiles
def prepare(face, positions, uvs, texture, levels, first_level, projection, samples, rows):
    """Fill the row of a triangle for one camera; `projection` (3 x 4) leads to fractions."""
    box_left, box_right, box_top, box_bottom = 1e30, -1e30, 1e30, -1e30
    in_front = True
    for i in range(3):  # planes of the edges are built below from these corners
        x, y, z = positions[face, i, 0], positions[face, i, 1], positions[face, i, 2]
        px = projection[0, 0] * x + projection[0, 1] * y + projection[0, 2] * z + projection[0, 3]
        py = projection[1, 0] * x + projection[1, 1] * y + projection[1, 2] * z + projection[1, 3]
        w = projection[2, 0] * x + projection[2, 1] * y + projection[2, 2] * z + projection[2, 3]
        rows[face, 3 * i], rows[face, 3 * i + 1], rows[face, 3 * i + 2] = (
            px * samples,
            py * samples,
            w,
        )
        if w < NEAR:
            in_front = False
        else:
            box_left, box_right = (
                min(box_left, rows[face, 3 * i] / w),
                max(box_right, rows[face, 3 * i] / w),
            )
            box_top, box_bottom = (
                min(box_top, rows[face, 3 * i + 1] / w),
                max(box_bottom, rows[face, 3 * i + 1] / w),
            )
    ax, ay, aw = rows[face, 0], rows[face, 1], rows[face, 2]
    bx, by, bw = rows[face, 3], rows[face, 4], rows[face, 5]
    cx, cy, cw = rows[face, 6], rows[face, 7], rows[face, 8]
    rows[face, 0], rows[face, 1], rows[face, 2] = (
        by * cw - bw * cy,
        bw * cx - bx * cw,
        bx * cy - by * cx,
    )
    rows[face, 3], rows[face, 4], rows[face, 5] = (
        cy * aw - cw * ay,
        cw * ax - cx * aw,
        cx * ay - cy * ax,
    )
    rows[face, 6], rows[face, 7], rows[face, 8] = (
        ay * bw - aw * by,
        aw * bx - ax * bw,
        ax * by - ay * bx,
    )
    det = ax * rows[face, 0] + ay * rows[face, 1] + aw * rows[face, 2]
    sign = -1.0 if det < 0 else 1.0
    for i in range(9):
        rows[face, i] *= sign
    rows[face, DEPTH_SCALE] = 0.0 if abs(det) < _TINY else abs(det)
    rows[
        face, FACING
    ] = -sign  # image axes are right-handed with depth: seen from its front, det < 0
    if in_front:
        rows[face, LEFT] = max(0.0, math.floor(box_left))
        rows[face, RIGHT] = min(samples, math.ceil(box_right))
        rows[face, TOP] = max(0.0, math.floor(box_top))
        rows[face, BOTTOM] = min(samples, math.ceil(box_bottom))
    elif box_right < box_left:  # wholly behind the camera
        rows[face, DEPTH_SCALE] = 0.0
    else:
        rows[face, LEFT], rows[face, RIGHT], rows[face, TOP], rows[face, BOTTOM] = (
            0.0,
            samples,
            0.0,
            samples,
        )
    rows[face, LEVEL] = -1.0
    picture = texture[face]
    if picture >= 0:
        first, last = first_level[picture], first_level[picture + 1] - 1
        rows[face, LEVEL] = first
        if in_front:
            seen = abs(det) / (aw * bw * cw)  # twice the area in samples
            du1, dv1 = uvs[face, 1, 0] - uvs[face, 0, 0], uvs[face, 1, 1] - uvs[face, 0, 1]
            du2, dv2 = uvs[face, 2, 0] - uvs[face, 0, 0], uvs[face, 2, 1] - uvs[face, 0, 1]
            texels = abs(du1 * dv2 - du2 * dv1) * levels[first, 1] * levels[first, 2]
            if texels > seen > 0:
                rows[face, LEVEL] = min(first + math.floor(0.5 * math.log2(texels / seen)), last)


@njit(nogil=True, cache=True, error_model="numpy")
@no_type_check
def weights(rows, face, x, y):
    """The three perspective-correct weights before division, and their sum (0: not covered)."""
    first = rows[face, 0] * x + rows[face, 1] * y + rows[face, 2]
    second = rows[face, 3] * x + rows[face, 4] * y + rows[face, 5]
    third = rows[face, 6] * x + rows[face, 7] * y + rows[face, 8]
    total = first + second + third
    if first < 0 or second < 0 or third < 0 or total <= 0:
        total = 0.0
    return first, second, third, total


@njit(nogil=True, cache=True, error_model="numpy")
@no_type_check
def texel(texels, levels, level, u, v):
    """Bilinear RGBA in [0, 1] of a picture at one mip level; the picture repeats."""
    start, height, width = levels[level, 0], levels[level, 1], levels[level, 2]
    x, y = (u - math.floor(u)) * width - 0.5, (v - math.floor(v)) * height - 0.5
    left, top = math.floor(x), math.floor(y)
    fx, fy = x - left, y - top
    x0, x1, y0, y1 = int(left), int(left) + 1, int(top), int(top) + 1
    x0, x1 = x0 + width if x0 < 0 else x0, 0 if x1 >= width else x1
    y0, y1 = y0 + height if y0 < 0 else y0, 0 if y1 >= height else y1
    a, b = start + y0 * width + x0, start + y0 * width + x1
    c, d = start + y1 * width + x0, start + y1 * width + x1
    wa, wb = (1 - fx) * (1 - fy) / 255, fx * (1 - fy) / 255
    wc, wd = (1 - fx) * fy / 255, fx * fy / 255
    return (
        wa * texels[a, 0] + wb * texels[b, 0] + wc * texels[c, 0] + wd * texels[d, 0],
        wa * texels[a, 1] + wb * texels[b, 1] + wc * texels[c, 1] + wd * texels[d, 1],
        wa * texels[a, 2] + wb * texels[b, 2] + wc * texels[c, 2] + wd * texels[d, 2],
        wa * texels[a, 3] + wb * texels[b, 3] + wc * texels[c, 3] + wd * texels[d, 3],
    )


@njit(nogil=True, cache=True, error_model="numpy")
@no_type_check
def is_hole(face, rows, first, second, third, total, uvs, texels, levels):
    """Whether the picture of this triangle is transparent there."""
    a, b, c = first / total, second / total, third / total
    u = a * uvs[face, 0, 0] + b * uvs[face, 1, 0] + c * uvs[face, 2, 0]
    v = a * uvs[face, 0, 1] + b * uvs[face, 1, 1] + c * uvs[face, 2, 1]
    return texel(texels, levels, int(rows[face, LEVEL]), u, v)[3] < 0.5


@njit(nogil=True, cache=True, error_model="numpy")
@no_type_check
def shade(face, rows, x, y, normals, colors, uvs, texels, levels, light):
    """Lit sRGB colour of a triangle at a sample that it covers (`light`: see `Lighting`)."""
    first, second, third, total = weights(rows, face, x, y)
    a, b, c = first / total, second / total, third / total
    nx = a * normals[face, 0, 0] + b * normals[face, 1, 0] + c * normals[face, 2, 0]
    ny = a * normals[face, 0, 1] + b * normals[face, 1, 1] + c * normals[face, 2, 1]
    nz = a * normals[face, 0, 2] + b * normals[face, 1, 2] + c * normals[face, 2, 2]
    length = math.sqrt(nx * nx + ny * ny + nz * nz)
    facing = 0.0
    if length > 0:
        facing = rows[face, FACING] * (nx * light[2] + ny * light[3] + nz * light[4]) / length
    lit = light[0] + light[1] * 0.5 * (1 + facing)
    red = lit * (a * colors[face, 0, 0] + b * colors[face, 1, 0] + c * colors[face, 2, 0])
    green = lit * (a * colors[face, 0, 1] + b * colors[face, 1, 1] + c * colors[face, 2, 1])
    blue = lit * (a * colors[face, 0, 2] + b * colors[face, 1, 2] + c * colors[face, 2, 2])
    level = int(rows[face, LEVEL])
    if level >= 0:
        u = a * uvs[face, 0, 0] + b * uvs[face, 1, 0] + c * uvs[face, 2, 0]
        v = a * uvs[face, 0, 1] + b * uvs[face, 1, 1] + c * uvs[face, 2, 1]
        painted = texel(texels, levels, level, u, v)
        red, green, blue = red * painted[0], green * painted[1], blue * painted[2]
    return min(red, 1.0), min(green, 1.0), min(blue, 1.0)
