"""The arithmetic of the mesh renderer, one triangle and one sample at a time.

Triangles are scan-converted in homogeneous coordinates (Olano and Greer 1997): with the corners
p_i = K (R x_i + t) and the sample s = (x, y, 1), the planes E_0 = p_1 x p_2 (and cyclic) give
perspective-correct barycentric weights (E_i . s) / sum(E . s) and the depth det / sum(E . s),
whatever lies behind the camera: nothing needs to be clipped. The planes of an edge that two
triangles share differ in sign alone, so no sample on it is missed.
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
def _project(face, positions, projection, samples, rows):
    """Put the corners (x w, y w, w) into the row, and the box of samples that they span.

    Returns the product of their depths; zero if one of them is too near or behind the camera.
    """
    left, right, top, bottom = 1e9, -1e9, 1e9, -1e9
    depths = 1.0
    for i in range(3):
        x, y, z = positions[face, i, 0], positions[face, i, 1], positions[face, i, 2]
        px = projection[0, 0] * x + projection[0, 1] * y + projection[0, 2] * z + projection[0, 3]
        py = projection[1, 0] * x + projection[1, 1] * y + projection[1, 2] * z + projection[1, 3]
        w = projection[2, 0] * x + projection[2, 1] * y + projection[2, 2] * z + projection[2, 3]
        px, py = px * samples, py * samples
        rows[face, 3 * i], rows[face, 3 * i + 1], rows[face, 3 * i + 2] = px, py, w
        if w < NEAR:
            depths = 0.0
        else:
            depths *= w
            left, right = min(left, px / w), max(right, px / w)
            top, bottom = min(top, py / w), max(bottom, py / w)
    if depths == 0.0 and right >= left:  # it passes the camera and may be seen anywhere
        left, right, top, bottom = 0.0, samples, 0.0, samples
    rows[face, LEFT], rows[face, RIGHT] = max(0.0, math.floor(left)), min(samples, math.ceil(right))
    rows[face, TOP], rows[face, BOTTOM] = max(0.0, math.floor(top)), min(samples, math.ceil(bottom))
    return depths


@njit(nogil=True, cache=True, error_model="numpy")
@no_type_check
def _planes(face, rows):
    """Turn the corners in the row into planes of edges that are positive inside.

    Returns the corners' determinant: negative if the triangle's front is seen.
    """
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
    if det < 0:
        for i in range(9):
            rows[face, i] = -rows[face, i]
    return det


@njit(nogil=True, cache=True, error_model="numpy")
@no_type_check
def _mip_level(face, uvs, picture, levels, first_level, seen):
    """The level with about one texel a sample; `seen` is twice the triangle's area in samples."""
    first, last = first_level[picture], first_level[picture + 1] - 1
    u, v = uvs[face, 0, 0], uvs[face, 0, 1]
    du1, dv1, du2, dv2 = (
        uvs[face, 1, 0] - u,
        uvs[face, 1, 1] - v,
        uvs[face, 2, 0] - u,
        uvs[face, 2, 1] - v,
    )
    texels = abs(du1 * dv2 - du2 * dv1) * levels[first, 1] * levels[first, 2]
    if not texels > seen > 0:
        return first
    return min(first + int(0.5 * math.log2(texels / seen)), last)


@njit(nogil=True, cache=True, error_model="numpy")
@no_type_check
def prepare(face, positions, uvs, texture, levels, first_level, projection, samples, rows):
    """Fill the row of a triangle for one camera; `projection` (3 x 4) leads to fractions."""
    depths = _project(face, positions, projection, samples, rows)
    det = _planes(face, rows)
    seen_at_all = rows[face, LEFT] < rows[face, RIGHT] and rows[face, TOP] < rows[face, BOTTOM]
    rows[face, DEPTH_SCALE] = abs(det) if seen_at_all and abs(det) > _TINY else 0.0
    rows[face, FACING] = 1.0 if det < 0 else -1.0  # the image's axes and depth are right-handed
    picture = texture[face]
    rows[face, LEVEL] = -1.0
    if picture >= 0:
        seen = abs(det) / depths if depths > 0 else 0.0
        rows[face, LEVEL] = _mip_level(face, uvs, picture, levels, first_level, seen)


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
