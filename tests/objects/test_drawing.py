"""The mesh renderer against closed forms."""

import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from PIL import Image

from dd3g_kedro.core.geometry import CameraRig, orbit, plucker_rays
from dd3g_kedro.core.types import Cameras
from dd3g_kedro.objects.config import UNLIT, Lighting
from dd3g_kedro.objects.drawing import draw_mesh
from dd3g_kedro.objects.mesh import Mesh
from dd3g_kedro.objects.normals import corner_normals
from dd3g_kedro.objects.textures import stack_textures, texture_array

RIG = CameraRig(radius=1.5, fov_deg=49.1)


def views(*azimuth_deg: float, elevation_deg: float = 0.0) -> Cameras:
    azimuth = torch.tensor([azimuth_deg]).deg2rad()
    return orbit(azimuth, torch.full_like(azimuth, math.radians(elevation_deg)), RIG)


def surface(triangles, colors=None, uvs=None, pictures=()) -> Mesh:
    positions = np.asarray(triangles, np.float32)
    n = len(positions)
    return Mesh(
        positions=positions,
        normals=corner_normals(positions, math.radians(30)),
        colors=np.ones((n, 3, 3), np.float32) if colors is None else np.float32(colors),
        uvs=np.zeros((n, 3, 2), np.float32) if uvs is None else np.float32(uvs),
        texture=np.full(n, 0 if pictures else -1, np.int32),
        textures=stack_textures([texture_array(Image.fromarray(p), True) for p in pictures]),
    )


def square(x=0.0, half=0.5) -> np.ndarray:
    """Two triangles facing +x; corners as the front camera sees them: v down, u right = +y."""
    a, b, c, d = ((x, -half, half), (x, half, half), (x, half, -half), (x, -half, -half))
    return np.array([[a, d, c], [a, c, b]], np.float32)


SQUARE_UVS = [[(0, 0), (0, 1), (1, 1)], [(0, 0), (1, 1), (1, 0)]]


def sphere(steps=96, radius=0.5) -> np.ndarray:
    theta = np.linspace(0, np.pi, steps // 2 + 1)
    phi = np.linspace(0, 2 * np.pi, steps + 1)
    t, p = np.meshgrid(theta, phi, indexing="ij")
    points = radius * np.stack([np.sin(t) * np.cos(p), np.sin(t) * np.sin(p), np.cos(t)], -1)
    a, b, c, d = points[:-1, :-1], points[1:, :-1], points[1:, 1:], points[:-1, 1:]
    quads = np.concatenate([np.stack([a, b, c], -2), np.stack([a, c, d], -2)])
    triangles = quads.reshape(-1, 3, 3).astype(np.float32)
    area = np.linalg.norm(
        np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0]), axis=-1
    )
    return triangles[area > 1e-9]


def test_a_square_covers_the_pixels_that_the_pinhole_says():
    size = 128
    rgba = draw_mesh(surface(square()), views(0), size, UNLIT, supersample=4)
    side = size * 1.0 / (2 * 1.5 * math.tan(math.radians(49.1) / 2))  # in pixels
    assert rgba[0, 3].sum().item() == pytest.approx(side**2, rel=0.01)
    rows, columns = torch.nonzero(rgba[0, 3] > 0.5).T
    assert (rows.max() - rows.min() + 1).item() == pytest.approx(side, abs=1)
    assert (rows.float().mean().item(), columns.float().mean().item()) == pytest.approx(
        ((size - 1) / 2, (size - 1) / 2), abs=0.01
    )


def test_a_spheres_silhouette_is_the_circle_of_its_tangent_cone():
    size, radius = 128, 0.45
    rgba = draw_mesh(surface(sphere(radius=radius)), views(0, 77), size, UNLIT, supersample=4)
    focal = size / (2 * math.tan(math.radians(49.1) / 2))
    circle = focal * radius / math.sqrt(1.5**2 - radius**2)
    areas = rgba[:, 3].sum((-1, -2))
    torch.testing.assert_close(areas, torch.full((2,), math.pi * circle**2), rtol=4e-3, atol=0)


def test_the_nearer_square_hides_the_farther_whatever_their_order():
    near, far = square(0.3, 0.2), square(-0.3, 0.2)
    red, blue = np.tile([1, 0, 0], (2, 3, 1)), np.tile([0, 0, 1], (2, 3, 1))
    one = surface(np.concatenate([near, far]), np.concatenate([red, blue]))
    two = surface(np.concatenate([far, near]), np.concatenate([blue, red]))
    for mesh in (one, two):
        front, back = draw_mesh(mesh, views(0, 180), 64, UNLIT)[:, :3, 32, 32]
        assert front.tolist() == [1, 0, 0]
        assert back.tolist() == [0, 0, 1]


def test_a_cubes_faces_are_where_the_world_frame_puts_them():
    faces, colors = [], []
    for axis in range(3):
        for sign in (-1, 1):
            corners = square(0.3 * sign, 0.3)
            faces.append(np.roll(corners, axis, axis=-1))
            colors.append(
                np.tile([(axis == i) * (0.5 + 0.5 * (sign > 0)) for i in range(3)], (2, 3, 1))
            )
    cube = surface(np.concatenate(faces), np.concatenate(colors))
    middle = draw_mesh(cube, views(0, 90, 180, 270), 65, UNLIT)[:, :3, 32, 32]
    assert middle.tolist() == [[1, 0, 0], [0, 1, 0], [0.5, 0, 0], [0, 0.5, 0]]
    above = draw_mesh(cube, views(0, elevation_deg=89.9), 65, UNLIT)[0, :3, 32, 32]
    assert above.tolist() == [0, 0, 1]


def test_a_texture_is_upright_and_not_mirrored():
    picture = np.zeros((2, 2, 3), np.uint8)
    picture[0, 0], picture[0, 1] = (255, 0, 0), (0, 255, 0)  # top left, top right
    picture[1, 0], picture[1, 1] = (0, 0, 255), (255, 255, 0)
    mesh = surface(square(), uvs=SQUARE_UVS, pictures=[picture])
    front = draw_mesh(mesh, views(0), 64, UNLIT)[0, :3]
    quarters = [front[:, y, x].round().tolist() for y in (22, 42) for x in (22, 42)]
    assert quarters == [[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0]]
    back = draw_mesh(mesh, views(180), 64, UNLIT)[0, :3]  # through the paper, mirrored
    assert back[:, 22, 22].round().tolist() == [0, 1, 0]


def test_interpolation_is_perspective_correct():
    """Colours that encode position reproduce the intersection of every ray with the plane."""
    size, cameras = 64, views(60)
    corners = square()
    mesh = surface(corners, corners + 0.5)
    rgba = draw_mesh(mesh, cameras, size, UNLIT, supersample=1)[0]
    direction, moment = plucker_rays(cameras, size, size)[0, 0].double().split(3)
    # the point of the ray on the plane x = 0: o = d x m + s d
    origin = torch.linalg.cross(direction, moment, dim=0)
    point = origin - origin[0] / direction[0] * direction
    inside = (point[1:].abs() < 0.49).all(0)
    assert inside.sum() > 500
    torch.testing.assert_close(rgba[:3, inside].double(), point[:, inside] + 0.5, rtol=0, atol=1e-5)


def test_projection_agrees_with_the_camera_matrices():
    """A small square anywhere is drawn where K [R t] puts it."""
    cameras, size = views(25, 200, elevation_deg=-12), 256
    center = np.array([0.21, -0.33, 0.27], np.float32)
    rgba = draw_mesh(surface(square(0, 0.02) + center), cameras, size, UNLIT, supersample=3)
    homogeneous = torch.tensor([*center.tolist(), 1.0])
    for view in range(2):
        projected = (
            cameras.intrinsics[0, view] @ (cameras.world_to_camera[0, view] @ homogeneous)[:3]
        )
        expected = projected[:2] / projected[2] * size - 0.5
        alpha = rgba[view, 3]
        rows, columns = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
        found = torch.stack([(alpha * columns).sum(), (alpha * rows).sum()]) / alpha.sum()
        torch.testing.assert_close(found, expected, rtol=0, atol=0.3)


def test_holes_of_a_texture_show_what_is_behind():
    holes = np.full((8, 8, 4), 255, np.uint8)
    holes[:, 4:, 3] = 0  # the right half is cut out
    behind = square(-0.2)
    triangles = np.concatenate([square(), behind])
    mesh = surface(
        triangles, uvs=np.concatenate([SQUARE_UVS, np.zeros((2, 3, 2))]), pictures=[holes]
    )
    colors = mesh.colors.copy()
    colors[2:] = [0, 0, 1]
    texture = mesh.texture.copy()
    texture[2:] = -1
    mesh = Mesh(mesh.positions, mesh.normals, colors, mesh.uvs, texture, mesh.textures)
    rgba = draw_mesh(mesh, views(0), 64, UNLIT)[0]
    assert rgba[:, 32, 24].tolist() == [1, 1, 1, 1]
    assert rgba[:, 32, 40].tolist() == [0, 0, 1, 1]


def test_a_fine_pattern_seen_small_becomes_its_mean():
    checks = np.indices((512, 512)).sum(0) % 2 * 255
    picture = np.repeat(checks[..., None], 3, -1).astype(np.uint8)
    mesh = surface(square(), uvs=SQUARE_UVS, pictures=[picture])
    inner = draw_mesh(mesh, views(0), 64, UNLIT)[0, :3, 12:52, 12:52]
    torch.testing.assert_close(inner, torch.full_like(inner, 0.5), rtol=0, atol=0.01)


def test_a_triangle_that_passes_the_camera_is_drawn_without_harm():
    """A floor that reaches behind the camera covers exactly the pixels below the horizon."""
    far, z = 50.0, -0.1
    floor = surface(
        [
            [(far, far, z), (far, -far, z), (-far, -far, z)],
            [(far, far, z), (-far, -far, z), (-far, far, z)],
        ]
    )
    alpha = draw_mesh(floor, views(0), 64, UNLIT)[0, 3]
    focal = 64 / (2 * math.tan(math.radians(49.1) / 2))
    horizon = 32 + focal * 0.1 / (1.5 + far)  # where the floor's far end is seen
    assert alpha[: math.floor(horizon)].max() == 0
    assert alpha[math.ceil(horizon) + 1 :].min() == 1


def test_edges_are_antialiased_and_straight_alpha():
    rgba = draw_mesh(
        surface(sphere(), np.full((len(sphere()), 3, 3), 0.75)), views(0), 64, UNLIT, 3
    )[0]
    partly = (rgba[3] > 0) & (rgba[3] < 1)
    assert partly.sum() > 50
    torch.testing.assert_close(rgba[:3, partly], torch.full_like(rgba[:3, partly], 0.75))
    torch.testing.assert_close(rgba[3] * 9, (rgba[3] * 9).round())


def test_light_follows_the_formula_on_both_sides_of_a_square():
    lighting = Lighting(ambient=0.5, key=0.4, direction=(3.0, 0.0, 4.0))
    front, back = draw_mesh(surface(square()), views(0, 180), 32, lighting)[:, 0, 16, 16].tolist()
    assert front == pytest.approx(0.5 + 0.4 * (1 + 0.6) / 2, abs=1e-6)
    assert back == pytest.approx(0.5 + 0.4 * (1 - 0.6) / 2, abs=1e-6)


def test_threads_draw_what_one_thread_draws():
    mesh, cameras = surface(sphere(48)), views(0, 120)
    alone = draw_mesh(mesh, cameras, 48, Lighting())
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda _: draw_mesh(mesh, cameras, 48, Lighting()), range(8)))
    assert all(torch.equal(alone, other) for other in together)


def test_cameras_of_several_objects_are_refused():
    with pytest.raises(ValueError, match="one object, got 2"):
        draw_mesh(surface(square()), views(0).expand(2), 16, UNLIT)
