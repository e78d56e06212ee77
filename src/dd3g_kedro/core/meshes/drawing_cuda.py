"""The same pictures from CUDA kernels (numba-cuda, optional extra `cuda-meshes`)."""

from __future__ import annotations

from typing import no_type_check

import numpy as np
import torch
from jaxtyping import Float, Float64
from numba import cuda
from torch import Tensor

from dd3g_kedro.core.meshes import kernels
from dd3g_kedro.core.meshes.mesh import Mesh

_THREADS = 64  # that share the samples of one triangle


@cuda.jit
@no_type_check
def _prepare(positions, uvs, texture, levels, first_level, projections, samples, rows):
    face, view = cuda.grid(1), cuda.blockIdx.y
    if face < positions.shape[0]:
        kernels.prepare(
            face, positions, uvs, texture, levels, first_level,
            projections[view], samples, rows[view, face],
        )  # fmt: skip


@cuda.jit
@no_type_check
def _visible(rows, uvs, texture, texels, levels, cutout, nearest):
    """A block a triangle; the largest (1 / depth, -triangle) wins, as on the CPU."""
    face, view = cuda.blockIdx.x, cuda.blockIdx.y
    row = rows[view, face]
    scale = row[kernels.DEPTH_SCALE]
    if scale == 0:
        return
    holes = texture[face] >= 0 and cutout[texture[face]]
    left, top = int(row[kernels.LEFT]), int(row[kernels.TOP])
    width, height = int(row[kernels.RIGHT]) - left, int(row[kernels.BOTTOM]) - top
    for sample in range(cuda.threadIdx.x, width * height, cuda.blockDim.x):
        i, j = top + sample // width, left + sample % width
        first, second, third, total = kernels.weights(row, j + 0.5, i + 0.5)
        inverse = np.float32(total / scale)
        if inverse <= 0 or inverse * kernels.NEAR > 1:
            continue
        if holes and kernels.is_hole(face, row, first, second, third, total, uvs, texels, levels):
            continue
        # positive floats are ordered as their bits are; the lower half prefers the first triangle
        key = (np.int64(cuda.libdevice.float_as_int(inverse)) << 32) | (0x7FFFFFFF - face)
        cuda.atomic.max(nearest, (view, i, j), key)


@cuda.jit
@no_type_check
def _resolve(nearest, rows, normals, colors, uvs, texels, levels, light, supersample, pictures):
    pixel, view = cuda.grid(1), cuda.blockIdx.y
    size = pictures.shape[2]
    if pixel >= size * size:
        return
    i, j = pixel // size, pixel % size
    red, green, blue, count = 0.0, 0.0, 0.0, 0
    for y in range(i * supersample, (i + 1) * supersample):
        for x in range(j * supersample, (j + 1) * supersample):
            key = nearest[view, y, x]
            if key == 0:
                continue
            face = 0x7FFFFFFF - (key & 0x7FFFFFFF)
            r, g, b = kernels.shade(
                face, rows[view, face], x + 0.5, y + 0.5,
                normals, colors, uvs, texels, levels, light,
            )  # fmt: skip
            red, green, blue, count = red + r, green + g, blue + b, count + 1
    if count > 0:
        pictures[view, 0, i, j] = red / count
        pictures[view, 1, i, j] = green / count
        pictures[view, 2, i, j] = blue / count
        pictures[view, 3, i, j] = count / (supersample * supersample)


def draw_on_gpu(
    mesh: Mesh,
    projections: Float64[np.ndarray, "v 3 4"],
    light: Float64[np.ndarray, "5"],
    size: int,
    supersample: int,
    device: torch.device,
) -> Float[Tensor, "v 4 {size} {size}"]:
    """`drawing.draw_mesh` on a CUDA device."""
    from dd3g_kedro.core.meshes.drawing import mesh_arrays

    views, faces, samples = len(projections), len(mesh), size * supersample
    with torch.cuda.device(device):
        # an array without elements has no address on the device
        arrays = [
            torch.from_numpy(a if a.size else np.zeros((1, *a.shape[1:]), a.dtype)).to(device)
            for a in (*mesh_arrays(mesh), projections, light)
        ]
        positions, normals, colors, uvs, texture, texels, levels, first, cutout, cameras, lamp = (
            cuda.as_cuda_array(array) for array in arrays
        )
        rows = torch.empty(views, faces, kernels.ROW, dtype=torch.float64, device=device)
        nearest = torch.zeros(views, samples, samples, dtype=torch.int64, device=device)
        pictures = torch.zeros(views, 4, size, size, device=device)
        rows_, nearest_, pictures_ = (cuda.as_cuda_array(t) for t in (rows, nearest, pictures))
        stream = cuda.external_stream(torch.cuda.current_stream().cuda_stream)
        blocks = ((faces + _THREADS - 1) // _THREADS, views)
        _prepare[blocks, _THREADS, stream](
            positions, uvs, texture, levels, first, cameras, samples, rows_
        )
        _visible[(faces, views), _THREADS, stream](
            rows_, uvs, texture, texels, levels, cutout, nearest_
        )
        blocks = ((size * size + _THREADS - 1) // _THREADS, views)
        _resolve[blocks, _THREADS, stream](
            nearest_, rows_, normals, colors, uvs, texels, levels, lamp, supersample, pictures_
        )
    return pictures
