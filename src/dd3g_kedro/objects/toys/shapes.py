"""Primitive surfaces, centred on the origin unless said otherwise, unpainted (grey)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int

from dd3g_kedro.objects.toys.parts import Number, Part

Point = Sequence[Number] | np.ndarray
Points = Sequence[Point] | np.ndarray
_GREY = (150, 150, 150)


def _part(vertices: np.ndarray, faces: np.ndarray, uvs: np.ndarray | None = None) -> Part:
    uvs = np.zeros((len(vertices), 2)) if uvs is None else uvs
    return Part(vertices.astype(float), faces.astype(np.int64), uvs).paint(_GREY)


def _grid_faces(rows: int, columns: int) -> Int[np.ndarray, "m 3"]:
    """Two triangles for every cell of a grid of vertices; outwards for `lathe`'s order."""
    index = np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]
    cells = np.stack([np.stack([a, b, c], -1), np.stack([a, c, d], -1)], -2)
    return cells.reshape(-1, 3)


def lathe(profile: Points, sections: int = 24) -> Part:
    """A profile of (radius, height), from the top down, turned around y.

    The picture it may wear runs once around, its middle in front, along the profile's length.
    """
    outline = np.asarray(profile, float)
    u = np.linspace(0, 1, sections + 1)
    angle = 2 * math.pi * (u - 0.5)
    vertices = np.stack(
        [
            outline[:, :1] * np.sin(angle),
            np.repeat(outline[:, 1:], sections + 1, axis=1),
            outline[:, :1] * np.cos(angle),
        ],
        axis=-1,
    )
    length = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(outline, axis=0), axis=1))])
    uvs = np.stack(np.broadcast_arrays(u, (length / length[-1])[:, None]), axis=-1)
    return _part(
        vertices.reshape(-1, 3), _grid_faces(len(outline), sections + 1), uvs.reshape(-1, 2)
    )


def smooth(points: Points, count: int = 24) -> list[tuple[Number, ...]]:
    """`count` points on the Catmull-Rom curve through `points`."""
    p = np.asarray(points, float)
    p = np.concatenate([2 * p[:1] - p[1:2], p, 2 * p[-1:] - p[-2:-1]])
    t = np.linspace(0, len(p) - 3, count)
    i = np.minimum(t.astype(int), len(p) - 4)
    s = (t - i)[:, None]
    a, b, c, d = (p[i + k] for k in range(4))
    curve = 0.5 * (
        2 * b + (c - a) * s + (2 * a - 5 * b + 4 * c - d) * s**2 + (3 * (b - c) + d - a) * s**3
    )
    return [tuple(row) for row in curve]


def ball(
    rx: Number, ry: Number | None = None, rz: Number | None = None, sections: int = 20
) -> Part:
    """An ellipsoid; it can wear a picture."""
    theta = np.linspace(0, math.pi, sections // 2 + 1)
    sphere = lathe(np.stack([np.sin(theta), np.cos(theta)], -1), sections)
    return sphere.scale(rx, rx if ry is None else ry, rx if rz is None else rz)


def cone(bottom: Number, top: Number, height: Number, sections: int = 20) -> Part:
    """A closed frustum along y, standing on y = 0."""
    profile = [(0, height), (top, height), (bottom, 0), (0, 0)]
    return lathe(profile[1 if top == 0 else 0 :], sections)


def cylinder(radius: Number, height: Number, sections: int = 20) -> Part:
    """Closed, along y, standing on y = 0."""
    return cone(radius, radius, height, sections)


def disc(radius: Number, thickness: Number, sections: int = 20) -> Part:
    """A closed wheel whose axis is x, centred."""
    return cylinder(radius, thickness, sections).move(0, -thickness / 2, 0).turn("z", 90)


def box(width: Number, height: Number, depth: Number, bevel: Number = 0.0, steps: int = 2) -> Part:
    """Sides along x, y, z, standing on y = 0; `bevel` is the radius of its rounded edges."""
    bevel = min(bevel, width / 2, height / 2, depth / 2)
    steps = steps if bevel > 0 else 0
    quarter = np.linspace(0, math.pi / 2, steps + 1)
    theta = np.concatenate([quarter, math.pi / 2 + quarter])
    phi = np.concatenate([math.pi / 2 * k + quarter for k in range(4)])
    # which corner a vertex belongs to, not where its direction points: both grow seamlessly
    up = np.repeat([1, -1], steps + 1)
    right, front = np.repeat([1, 1, -1, -1], steps + 1), np.repeat([1, -1, -1, 1], steps + 1)
    phi, right, front = (np.append(a, a[0]) for a in (phi, right, front))
    t, p = np.meshgrid(theta, phi, indexing="ij")
    direction = np.stack([np.sin(t) * np.sin(p), np.cos(t), np.sin(t) * np.cos(p)], -1)
    corner = np.stack(np.broadcast_arrays(right, up[:, None], front), -1).astype(float)
    half = np.array([width, height, depth]) / 2
    vertices = bevel * direction + corner * (half - bevel) + [0, height / 2, 0]
    rows, columns = t.shape
    caps: list[list[int]] = []
    for row, order in ((0, (0, 1, 2)), (rows - 1, (0, 2, 1))):
        a, b, c, d = (row * columns + k * (steps + 1) for k in range(4))
        caps += [[triangle[k] for k in order] for triangle in ((a, b, c), (a, c, d))]
    faces = np.concatenate([_grid_faces(rows, columns), np.array(caps)])
    return _part(vertices.reshape(-1, 3), faces)


def panel(width: Number, height: Number) -> Part:
    """A rectangle that faces +z, standing on y = 0; made to wear a picture."""
    x, half = width / 2, height
    corners = np.array([(-x, half, 0), (-x, 0, 0), (x, 0, 0), (x, half, 0)])
    uvs = np.array([(0.0, 0.0), (0.0, 1.0), (1.0, 1.0), (1.0, 0.0)])
    return _part(corners, np.array([(0, 1, 2), (0, 2, 3)]), uvs)


def prism(outline: Points, depth: Number, center: Point = (0, 0)) -> Part:
    """An outline in x and y (anticlockwise, seen whole from `center`) given a thickness along z."""
    ring = np.asarray(outline, float)
    count, half = len(ring), depth / 2
    layers = []
    for z in (half, -half):
        layers.append(np.column_stack([ring, np.full(count, z)]))
        layers.append(np.array([[*center, z]]))
    this = np.arange(count)
    after, back = np.roll(this, -1), count + 1
    faces = np.concatenate(
        [
            np.column_stack([np.full(count, count), this, after]),
            np.column_stack([np.full(count, back + count), back + after, back + this]),
            np.column_stack([this, back + this, back + after]),
            np.column_stack([this, back + after, after]),
        ]
    )
    return _part(np.concatenate(layers), faces)


def circle(radius: Number, count: int = 20, start_deg: Number = 0.0) -> Float[np.ndarray, "n 2"]:
    """An outline for `prism`."""
    angle = np.radians(start_deg) + 2 * math.pi * np.arange(count) / count
    return radius * np.stack([np.cos(angle), np.sin(angle)], -1)


def tube(
    path: Points,
    radius: Number | Sequence[Number] | np.ndarray,
    sections: int = 10,
    closed: bool = False,
) -> Part:
    """A round rod along a path; `radius` may change along it. Its ends are flat."""
    points = np.asarray(path, float)
    tangents = np.gradient(points, axis=0)
    if closed:
        tangents = np.roll(points, -1, 0) - np.roll(points, 1, 0)
    tangents /= np.linalg.norm(tangents, axis=1, keepdims=True)
    side = np.cross(tangents[0], [0.31, 0.87, 0.38])
    angle = 2 * math.pi * np.arange(sections + 1) / sections
    radii, rings = np.broadcast_to(np.asarray(radius, float), len(points)), []
    for point, tangent, r in zip(points, tangents, radii, strict=True):
        side = side - tangent * (side @ tangent)  # parallel transport
        side = side / np.linalg.norm(side)
        other = np.cross(tangent, side)
        rings.append(point + r * (np.outer(np.cos(angle), side) + np.outer(np.sin(angle), other)))
    if closed:
        rings.append(rings[0])
    else:
        rings = [np.tile(points[0], (sections + 1, 1)), *rings]
        rings.append(np.tile(points[-1], (sections + 1, 1)))
    faces = _grid_faces(len(rings), sections + 1)[:, ::-1]
    return _part(np.concatenate(rings), faces)


def torus(radius: Number, thickness: Number, sections: int = 24, around: int = 10) -> Part:
    """A ring around y."""
    ring = circle(radius, sections)
    path = np.column_stack([ring[:, 0], np.zeros(sections), ring[:, 1]])
    return tube(path, thickness, around, closed=True)


def limb(start: Point, end: Point, r_start: Number, r_end: Number, sections: int = 12) -> Part:
    """A rod with round ends between two points, thinner towards one of them."""
    a, b = np.asarray(start, float), np.asarray(end, float)
    axis = (b - a) / max(float(np.linalg.norm(b - a)), 1e-9)
    angle = np.linspace(-math.pi / 2, 0, 4)
    first = a + np.outer(r_start * np.sin(angle), axis)
    last = b - np.outer(r_end * np.sin(angle[::-1]), axis)
    radii = np.concatenate([r_start * np.cos(angle), r_end * np.cos(angle[::-1])])
    return tube(np.concatenate([first, last]), np.maximum(radii, 1e-4), sections)
