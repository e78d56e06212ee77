"""Primitive surfaces against their volumes, areas and places."""

import math

import numpy as np
import pytest
import trimesh

from dd3g_kedro.objects.toys import shapes
from dd3g_kedro.objects.toys.parts import both_sides

CUBE_CORNERS = [(0, 0), (1, 0), (1, 1), (0, 1)]


def solid(part) -> trimesh.Trimesh:
    """The part with equal vertices merged and without needles."""
    mesh = trimesh.Trimesh(part.vertices.round(9), part.faces, process=True)
    mesh.merge_vertices(merge_tex=True, merge_norm=True)
    mesh.update_faces(mesh.nondegenerate_faces())
    return mesh


def rounded_box_volume(w, h, d, r):
    a, b, c = w - 2 * r, h - 2 * r, d - 2 * r
    faces = 2 * r * (a * b + b * c + a * c)
    return a * b * c + faces + math.pi * r**2 * (a + b + c) + 4 / 3 * math.pi * r**3


@pytest.mark.parametrize(
    ("part", "volume"),
    [
        (shapes.box(1, 2, 3), 6),
        (shapes.box(1, 2, 3, 0.3, 16), rounded_box_volume(1, 2, 3, 0.3)),
        (shapes.ball(1, 2, 3, 160), 4 / 3 * math.pi * 6),
        (shapes.cylinder(2, 3, 160), math.pi * 4 * 3),
        (shapes.cone(2, 1, 3, 160), math.pi * 3 / 3 * (4 + 2 + 1)),
        (shapes.cone(2, 0, 3, 160), math.pi * 4),
        (shapes.torus(2, 0.5, 160, 160), 2 * math.pi**2 * 2 * 0.25),
        (shapes.prism(CUBE_CORNERS, 2, (0.5, 0.5)), 2),
        (shapes.tube([(0, 0, 0), (0, 0, 1), (0, 0, 3)], 0.5, 160), math.pi * 0.25 * 3),
        (shapes.disc(2, 0.5, 160), math.pi * 4 * 0.5),
    ],
)
def test_a_closed_shape_has_its_volume_and_faces_outwards(part, volume):
    mesh = solid(part)
    assert mesh.is_watertight
    assert mesh.volume == pytest.approx(volume, rel=4e-3)


def test_smooth_curves_pass_through_their_points():
    points = [(0, 0), (1, 2), (3, 1), (4, 4)]
    curve = np.array(shapes.smooth(points, 31))
    np.testing.assert_allclose(curve[::10], points, atol=1e-9)


def test_a_pictures_middle_is_in_front_and_its_right_to_the_right():
    part = shapes.lathe([(1, 1), (1, 0)], 64)
    u = part.uvs[:, 0]
    np.testing.assert_allclose(part.vertices[u == 0.5][:, [0, 2]], [(0, 1)] * 2, atol=1e-9)
    assert (part.vertices[(u > 0.5) & (u < 1)][:, 0] > 0).all()  # the viewer's right
    np.testing.assert_allclose(part.vertices[part.uvs[:, 1] == 0][:, 1], 1)  # its top on top


@pytest.mark.parametrize("axis", ["x", "y", "z"])
def test_turning_is_right_handed_and_undone_by_turning_back(axis):
    part = shapes.box(1, 2, 3)
    there = part.turn(axis, 37)
    np.testing.assert_allclose(there.turn(axis, -37).vertices, part.vertices, atol=1e-12)
    expected = trimesh.transformations.rotation_matrix(
        math.radians(37), np.eye(3)["xyz".index(axis)]
    )
    np.testing.assert_allclose(there.vertices, part.vertices @ expected[:3, :3].T, atol=1e-12)


def test_a_mirror_image_faces_outwards_too():
    _, mirrored = both_sides(shapes.cone(2, 1, 3, 20).move(5, 0, 0))
    assert solid(mirrored).volume > 0
    assert (mirrored.vertices[:, 0] < 0).all()
