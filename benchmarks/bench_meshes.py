"""Time of one view of a mesh: `pytest -n 0 benchmarks/bench_meshes.py`.

Wanted: 8,000 triangles at 128 pixels with 2 x 2 samples under 10 ms on one core.
"""

import math

import numpy as np
import pytest
import torch

from dd3g_kedro.core.geometry import CameraRig, orbit
from dd3g_kedro.objects.config import Lighting
from dd3g_kedro.objects.drawing import draw_mesh
from dd3g_kedro.objects.mesh import Mesh
from dd3g_kedro.objects.normals import corner_normals
from dd3g_kedro.objects.textures import stack_textures


def bumpy_ball(triangles: int) -> Mesh:
    """A textured ball that fills the unit box, its surface folded so that parts hide others."""
    steps = round(math.sqrt(triangles))
    theta, phi = (
        np.linspace(0.01, np.pi - 0.01, steps // 2 + 1),
        np.linspace(0, 2 * np.pi, steps + 1),
    )
    t, p = np.meshgrid(theta, phi, indexing="ij")
    radius = 0.4 + 0.1 * np.sin(8 * t) * np.sin(8 * p)
    points = radius[..., None] * np.stack(
        [np.sin(t) * np.cos(p), np.sin(t) * np.sin(p), np.cos(t)], axis=-1
    )
    uvs = np.stack([p / (2 * np.pi), t / np.pi], axis=-1)

    def corners(grid):
        a, b, c, d = grid[:-1, :-1], grid[1:, :-1], grid[1:, 1:], grid[:-1, 1:]
        both = np.stack([np.stack([a, b, c], -2), np.stack([a, c, d], -2)])
        return both.reshape(-1, 3, grid.shape[-1]).astype(np.float32)

    positions = corners(points)
    picture = np.random.default_rng(0).integers(0, 256, (256, 256, 4), np.uint8)
    picture[..., 3] = 255
    return Mesh(
        positions=positions,
        normals=corner_normals(positions, math.radians(30)),
        colors=np.ones_like(positions),
        uvs=corners(uvs),
        texture=np.zeros(len(positions), np.int32),
        textures=stack_textures([picture]),
    )


@pytest.mark.parametrize("size", [128, 256])
@pytest.mark.parametrize("triangles", [500, 8000])
def bench_one_view(benchmark, triangles, size):
    torch.set_num_threads(1)
    mesh = bumpy_ball(triangles)
    cameras = orbit(torch.zeros(1, 1), torch.zeros(1, 1), CameraRig())
    draw_mesh(mesh, cameras, size, Lighting())  # compile
    benchmark(draw_mesh, mesh, cameras, size, Lighting())
