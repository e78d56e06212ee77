"""Pictures of a mesh: a z-buffer with supersampling, on the CPU, where objects share the cores."""

from __future__ import annotations

from typing import no_type_check

import numpy as np
import torch
from jaxtyping import Float, Float64
from numba import njit
from torch import Tensor

from dd3g_kedro.core.types import Cameras
from dd3g_kedro.objects import kernels
from dd3g_kedro.objects.config import Lighting
from dd3g_kedro.objects.mesh import Mesh


@njit(nogil=True, cache=True, error_model="numpy")
@no_type_check
def _visible(rows, uvs, texture, texels, levels, cutout, samples):
    """The nearest triangle of every sample, -1 where there is none; ties go to the first."""
    owner = np.full((samples, samples), -1, np.int32)
    nearest = np.zeros((samples, samples), np.float32)  # 1 / depth
    for face in range(len(rows)):
        scale = rows[face, kernels.DEPTH_SCALE]
        if scale == 0:
            continue
        holes = texture[face] >= 0 and cutout[texture[face]]
        for i in range(int(rows[face, kernels.TOP]), int(rows[face, kernels.BOTTOM])):
            for j in range(int(rows[face, kernels.LEFT]), int(rows[face, kernels.RIGHT])):
                first, second, third, total = kernels.weights(rows, face, j + 0.5, i + 0.5)
                inverse = np.float32(total / scale)
                if inverse <= nearest[i, j] or inverse * kernels.NEAR > 1:
                    continue
                if holes and kernels.is_hole(
                    face, rows, first, second, third, total, uvs, texels, levels
                ):
                    continue
                nearest[i, j], owner[i, j] = inverse, face
    return owner


@njit(nogil=True, cache=True, error_model="numpy")
@no_type_check
def _resolve(owner, rows, normals, colors, uvs, texels, levels, light, supersample, picture):
    """Shade every sample once; mean of the covered samples, alpha their share."""
    size = owner.shape[0] // supersample
    for i in range(size):
        for j in range(size):
            red, green, blue, count = 0.0, 0.0, 0.0, 0
            for y in range(i * supersample, (i + 1) * supersample):
                for x in range(j * supersample, (j + 1) * supersample):
                    face = owner[y, x]
                    if face < 0:
                        continue
                    r, g, b = kernels.shade(
                        face, rows, x + 0.5, y + 0.5,
                        normals, colors, uvs, texels, levels, light,
                    )  # fmt: skip
                    red, green, blue, count = red + r, green + g, blue + b, count + 1
            if count:
                picture[0, i, j] = red / count
                picture[1, i, j] = green / count
                picture[2, i, j] = blue / count
                picture[3, i, j] = count / (supersample * supersample)


@njit(nogil=True, cache=True, error_model="numpy")
@no_type_check
def _draw(
    positions, normals, colors, uvs, texture, texels, levels, first_level, cutout,
    projections, light, size, supersample,
):  # fmt: skip
    samples = size * supersample
    pictures = np.zeros((len(projections), 4, size, size), np.float32)
    rows = np.empty((len(positions), kernels.ROW))
    for view in range(len(projections)):
        for face in range(len(positions)):
            kernels.prepare(
                face, positions, uvs, texture, levels, first_level,
                projections[view], samples, rows,
            )  # fmt: skip
        owner = _visible(rows, uvs, texture, texels, levels, cutout, samples)
        _resolve(
            owner, rows, normals, colors, uvs, texels, levels, light, supersample, pictures[view]
        )
    return pictures


def _mesh_arrays(mesh: Mesh) -> tuple[np.ndarray, ...]:
    """What the kernels read of a mesh, in their order."""
    textures = mesh.textures
    return (
        mesh.positions, mesh.normals, mesh.colors, mesh.uvs, mesh.texture,
        textures.texels, textures.levels, textures.first_level, textures.cutout,
    )  # fmt: skip


def light_vector(lighting: Lighting) -> Float64[np.ndarray, "5"]:
    """Ambient, key and the unit direction."""
    direction = np.array(lighting.direction, float)
    return np.array([lighting.ambient, lighting.key, *direction / np.linalg.norm(direction)])


def draw_mesh(
    mesh: Mesh,
    cameras: Cameras,
    size: int,
    lighting: Lighting,
    supersample: int = 2,
) -> Float[Tensor, "v 4 {size} {size}"]:
    """RGBA views (straight alpha, sRGB in [0, 1]) of both sides of every face.

    Args:
        mesh: what to draw.
        cameras: one object's views (b = 1); the pictures are returned on their device.
        size: pixels a side.
        lighting: `config.UNLIT` leaves the colours as they are.
        supersample: samples a pixel side; alpha has supersample^2 + 1 levels.
    """
    if len(cameras.world_to_camera) != 1:
        raise ValueError(
            f"cameras: expected those of one object, got {len(cameras.world_to_camera)}"
        )
    device = cameras.world_to_camera.device
    views = cameras.world_to_camera[0, :, :3].double()
    projections = (cameras.intrinsics[0].double() @ views).cpu().numpy()
    light = light_vector(lighting)
    pictures = _draw(*_mesh_arrays(mesh), projections, light, size, supersample)
    return torch.from_numpy(pictures).to(device)
