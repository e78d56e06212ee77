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


@njit(nogil=True, cache=True)
@no_type_check  # of jaxtyping, which would wrap what Numba compiles
def prepare(face, positions, uvs, texture, levels, first_level, projection, samples, row):
    """Fill the row of a triangle for one camera; `projection` (3 x 4) leads to fractions."""
    box_left, box_right, box_top, box_bottom = 1e30, -1e30, 1e30, -1e30
    in_front = True
    for i in range(3):  # planes of the edges are built below from these corners
        x, y, z = positions[face, i, 0], positions[face, i, 1], positions[face, i, 2]
        px = projection[0, 0] * x + projection[0, 1] * y + projection[0, 2] * z + projection[0, 3]
        py = projection[1, 0] * x + projection[1, 1] * y + projection[1, 2] * z + projection[1, 3]
        w = projection[2, 0] * x + projection[2, 1] * y + projection[2, 2] * z + projection[2, 3]
        row[3 * i], row[3 * i + 1], row[3 * i + 2] = px * samples, py * samples, w
        if w < NEAR:
            in_front = False
        else:
            box_left, box_right = min(box_left, row[3 * i] / w), max(box_right, row[3 * i] / w)
            box_top, box_bottom = (
                min(box_top, row[3 * i + 1] / w),
                max(box_bottom, row[3 * i + 1] / w),
            )
    ax, ay, aw = row[0], row[1], row[2]
    bx, by, bw = row[3], row[4], row[5]
    cx, cy, cw = row[6], row[7], row[8]
    row[0], row[1], row[2] = by * cw - bw * cy, bw * cx - bx * cw, bx * cy - by * cx
    row[3], row[4], row[5] = cy * aw - cw * ay, cw * ax - cx * aw, cx * ay - cy * ax
    row[6], row[7], row[8] = ay * bw - aw * by, aw * bx - ax * bw, ax * by - ay * bx
    det = ax * row[0] + ay * row[1] + aw * row[2]
    sign = -1.0 if det < 0 else 1.0
    for i in range(9):
        row[i] *= sign
    row[DEPTH_SCALE] = 0.0 if abs(det) < _TINY else abs(det)
    row[FACING] = -sign  # image axes are right-handed with depth: seen from its front, det < 0
    if in_front:
        row[LEFT] = max(0.0, math.floor(box_left))
        row[RIGHT] = min(samples, math.ceil(box_right))
        row[TOP] = max(0.0, math.floor(box_top))
        row[BOTTOM] = min(samples, math.ceil(box_bottom))
    elif box_right < box_left:  # wholly behind the camera
        row[DEPTH_SCALE] = 0.0
    else:
        row[LEFT], row[RIGHT], row[TOP], row[BOTTOM] = 0.0, samples, 0.0, samples
    row[LEVEL] = -1.0
    picture = texture[face]
    if picture >= 0:
        first, last = first_level[picture], first_level[picture + 1] - 1
        row[LEVEL] = first
        if in_front:
            seen = abs(det) / (aw * bw * cw)  # twice the area in samples
            du1, dv1 = uvs[face, 1, 0] - uvs[face, 0, 0], uvs[face, 1, 1] - uvs[face, 0, 1]
            du2, dv2 = uvs[face, 2, 0] - uvs[face, 0, 0], uvs[face, 2, 1] - uvs[face, 0, 1]
            texels = abs(du1 * dv2 - du2 * dv1) * levels[first, 1] * levels[first, 2]
            if texels > seen > 0:
                row[LEVEL] = min(first + math.floor(0.5 * math.log2(texels / seen)), last)


@njit(nogil=True, cache=True)
@no_type_check
def weights(row, x, y):
    """The three perspective-correct weights before division, and their sum (0: not covered)."""
    first = row[0] * x + row[1] * y + row[2]
    second = row[3] * x + row[4] * y + row[5]
    third = row[6] * x + row[7] * y + row[8]
    total = first + second + third
    if first < 0 or second < 0 or third < 0 or total <= 0:
        total = 0.0
    return first, second, third, total


@njit(nogil=True, cache=True)
@no_type_check
def texel(texels, levels, level, u, v, channel):
    """Bilinear value of a picture at one mip level; the picture repeats."""
    start, height, width = levels[level, 0], levels[level, 1], levels[level, 2]
    x, y = u * width - 0.5, v * height - 0.5
    left, top = math.floor(x), math.floor(y)
    fx, fy = x - left, y - top
    x0, y0 = int(left) % width, int(top) % height
    x1, y1 = (x0 + 1) % width, (y0 + 1) % height
    upper = (1 - fx) * texels[start + y0 * width + x0, channel]
    upper += fx * texels[start + y0 * width + x1, channel]
    lower = (1 - fx) * texels[start + y1 * width + x0, channel]
    lower += fx * texels[start + y1 * width + x1, channel]
    return ((1 - fy) * upper + fy * lower) / 255


@njit(nogil=True, cache=True)
@no_type_check
def is_hole(face, row, first, second, third, total, uvs, texels, levels):
    """Whether the picture of this triangle is transparent there."""
    a, b, c = first / total, second / total, third / total
    u = a * uvs[face, 0, 0] + b * uvs[face, 1, 0] + c * uvs[face, 2, 0]
    v = a * uvs[face, 0, 1] + b * uvs[face, 1, 1] + c * uvs[face, 2, 1]
    return texel(texels, levels, int(row[LEVEL]), u, v, 3) < 0.5


@njit(nogil=True, cache=True)
@no_type_check
def shade(face, row, x, y, normals, colors, uvs, texels, levels, light):
    """Lit sRGB colour of a triangle at a sample that it covers (`light`: see `Lighting`)."""
    first, second, third, total = weights(row, x, y)
    a, b, c = first / total, second / total, third / total
    nx = a * normals[face, 0, 0] + b * normals[face, 1, 0] + c * normals[face, 2, 0]
    ny = a * normals[face, 0, 1] + b * normals[face, 1, 1] + c * normals[face, 2, 1]
    nz = a * normals[face, 0, 2] + b * normals[face, 1, 2] + c * normals[face, 2, 2]
    length = math.sqrt(nx * nx + ny * ny + nz * nz)
    facing = 0.0
    if length > 0:
        facing = row[FACING] * (nx * light[2] + ny * light[3] + nz * light[4]) / length
    lit = light[0] + light[1] * 0.5 * (1 + facing)
    red = lit * (a * colors[face, 0, 0] + b * colors[face, 1, 0] + c * colors[face, 2, 0])
    green = lit * (a * colors[face, 0, 1] + b * colors[face, 1, 1] + c * colors[face, 2, 1])
    blue = lit * (a * colors[face, 0, 2] + b * colors[face, 1, 2] + c * colors[face, 2, 2])
    level = int(row[LEVEL])
    if level >= 0:
        u = a * uvs[face, 0, 0] + b * uvs[face, 1, 0] + c * uvs[face, 2, 0]
        v = a * uvs[face, 0, 1] + b * uvs[face, 1, 1] + c * uvs[face, 2, 1]
        red *= texel(texels, levels, level, u, v, 0)
        green *= texel(texels, levels, level, u, v, 1)
        blue *= texel(texels, levels, level, u, v, 2)
    return min(red, 1.0), min(green, 1.0), min(blue, 1.0)
