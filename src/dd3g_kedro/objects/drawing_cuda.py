"""The same pictures from CUDA kernels (numba-cuda, optional extra `cuda-meshes`)."""

from __future__ import annotations

import warnings
from typing import no_type_check

import numpy as np
import torch
from jaxtyping import Float, Float64
from numba import cuda
from torch import Tensor

from dd3g_kedro.objects import kernels

# a mesh of a hundred triangles leaves most of a GPU idle, and is no fault
warnings.filterwarnings("ignore", message=".*Grid size .* under-utilization")

_THREADS = 64  # that share the samples of one triangle


@cuda.jit
@no_type_check
def _prepare(positions, uvs, texture, levels, first_level, projections, samples, rows):
    face, view = cuda.grid(1), cuda.blockIdx.y
    if face < positions.shape[0]:
        kernels.prepare(
            face, positions, uvs, texture, levels, first_level,
            projections[view], samples, rows[view],
        )  # fmt: skip


@cuda.jit
@no_type_check
def _visible(all_rows, uvs, texture, texels, levels, cutout, nearest):
    """A block a triangle; the largest (1 / depth, -triangle) wins, as on the CPU."""
    face, view = cuda.blockIdx.x, cuda.blockIdx.y
    rows = all_rows[view]
    scale = rows[face, kernels.DEPTH_SCALE]
    if scale == 0:
        return
    holes = texture[face] >= 0 and cutout[texture[face]]
    left, top = int(rows[face, kernels.LEFT]), int(rows[face, kernels.TOP])
    width, height = int(rows[face, kernels.RIGHT]) - left, int(rows[face, kernels.BOTTOM]) - top
    for sample in range(cuda.threadIdx.x, width * height, cuda.blockDim.x):
        i, j = top + sample // width, left + sample % width
        first, second, third, total = kernels.weights(rows, face, j + 0.5, i + 0.5)
        inverse = np.float32(total / scale)
        if inverse <= 0 or inverse * kernels.NEAR > 1:
            continue
        if holes and kernels.is_hole(face, rows, first, second, third, total, uvs, texels, levels):
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
                face, rows[view], x + 0.5, y + 0.5,
                normals, colors, uvs, texels, levels, light,
            )  # fmt: skip
            red, green, blue, count = red + r, green + g, blue + b, count + 1
    if count > 0:
        pictures[view, 0, i, j] = red / count
        pictures[view, 1, i, j] = green / count
        pictures[view, 2, i, j] = blue / count
        pictures[view, 3, i, j] = count / (supersample * supersample)


def draw_on_gpu(
    arrays: tuple[np.ndarray, ...],
    projections: Float64[np.ndarray, "v 3 4"],
    light: Float64[np.ndarray, "5"],
    size: int,
    supersample: int,
    device: torch.device,
) -> Float[Tensor, "v 4 {size} {size}"]:
    """`drawing.draw_mesh` on a CUDA device; `arrays` are `drawing.mesh_arrays`."""
    views, faces, samples = len(projections), len(arrays[0]), size * supersample
    with torch.cuda.device(device):
        # an array without elements has no address on the device
        tensors = [
            torch.from_numpy(a if a.size else np.zeros((1, *a.shape[1:]), a.dtype)).to(device)
            for a in (*arrays, projections, light)
        ]
        positions, normals, colors, uvs, texture, texels, levels, first, cutout, cameras, lamp = (
            cuda.as_cuda_array(tensor) for tensor in tensors
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


def compile_kernels() -> None:
    """Draw one triangle on the current device, which raises what keeps the kernels from working."""
    corners, no_levels = np.zeros((1, 3, 3), np.float32), np.zeros((0, 3), np.int64)
    arrays = (
        corners, corners, corners, corners[..., :2].copy(), np.full(1, -1, np.int32),
        np.zeros((0, 4), np.uint8), no_levels, np.zeros(1, np.int64), np.zeros(0, bool),
    )  # fmt: skip
    device = torch.device("cuda", torch.cuda.current_device())
    draw_on_gpu(arrays, np.zeros((1, 3, 4)), np.zeros(5), 8, 1, device)
    torch.cuda.synchronize(device)
