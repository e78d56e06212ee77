"""The Numba kernels as one differentiable torch operation, on several threads.

Threads come from a pool that is opened for each call: Numba's own threading layers are either
not safe under threads or not under fork. The work is cut into views, then into tiles, and sums
are taken in a fixed order: results repeat bit for bit, whatever the number of threads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd.function import once_differentiable

from dd3g_kedro.core.rendering import kernels, selection
from dd3g_kedro.core.rendering.kernels import TILE
from dd3g_kedro.core.rendering.projection import Projected

Map = Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]


@dataclass(frozen=True)
class View:
    """What one view of one object shows, sorted by depth and binned into tiles."""

    place: tuple[int, int]  # object, view
    keys: NDArray[np.uint64]
    splats: NDArray[np.float32]
    boxes: NDArray[np.int32]
    starts: NDArray[np.int64]
    members: NDArray[np.int32]


@contextmanager
def _threads(jobs: int) -> Iterator[Map]:
    """`map` over as many threads as torch uses, or on this thread where that is one."""
    workers = min(jobs, torch.get_num_threads())
    if workers <= 1:
        yield map
        return
    with ThreadPoolExecutor(workers) as pool:
        yield pool.map


def _tiles(size: int) -> list[tuple[int, int]]:
    """Left and top of the tiles, row by row."""
    return [(left, top) for top in range(0, size, TILE) for left in range(0, size, TILE)]


def _prepare(
    place: tuple[int, int], projected: list[NDArray], opacities: NDArray, colors: NDArray, size: int
) -> View:
    means, conics, depths, spreads = (part[place] for part in projected)
    opacities, colors = opacities[place], colors[place[0]]
    keys = np.empty(len(depths), np.uint64)
    count = selection.visible_keys(means, spreads, conics, depths, opacities, size, keys)
    keys = keys[:count].copy()
    keys.sort()
    splats, boxes = np.empty((count, 9), np.float32), np.empty((count, 4), np.int32)
    selection.gather(keys, means, spreads, conics, opacities, colors, size, splats, boxes)
    starts, members = selection.bin_into_tiles(boxes, -(-size // TILE))
    return View(place, keys, splats, boxes, starts, members)


def _blend_tile(view: View, tile: int, size: int, rgb: NDArray, light: NDArray) -> None:
    """Write one tile of a view's picture and transmittance."""
    left, top = _tiles(size)[tile]
    width, height = min(size - left, TILE), min(size - top, TILE)
    canvas = np.zeros((TILE, 4, kernels.STRIDE), np.float32)
    canvas[:, 0] = kernels.DEAD
    canvas[:height, 0, :width] = 1
    members = view.members[view.starts[tile] : view.starts[tile + 1]]
    kernels.blend_forward(view.splats, view.boxes, members, left, top, canvas.reshape(-1))
    drawn = canvas[:height, :, :width]
    light[*view.place, 0, top : top + height, left : left + width] = np.abs(drawn[:, 0])
    rgb[*view.place, :, top : top + height, left : left + width] = drawn[:, 1:].swapaxes(0, 1)


def _tile_gradients(
    view: View, tile: int, size: int, behind: NDArray, v_rgb: NDArray
) -> NDArray[np.float32]:
    """A tile's part of the gradients of its members: centre 2, conic 3, opacity 1, colour 3."""
    left, top = _tiles(size)[tile]
    width, height = min(size - left, TILE), min(size - top, TILE)
    rows, columns = slice(top, top + height), slice(left, left + width)
    canvas = np.zeros((TILE + 1, 11, kernels.STRIDE), np.float32)
    canvas[:, 0] = kernels.DEAD
    inside = canvas[1 : height + 1, :, :width]
    inside[:, 0] = 1
    inside[:, 1] = behind[*view.place, 0, rows, columns]
    inside[:, 2:5] = v_rgb[*view.place, :, rows, columns].swapaxes(0, 1)
    members = view.members[view.starts[tile] : view.starts[tile + 1]]
    gradients = np.zeros((len(members), 9), np.float32)
    kernels.blend_backward(
        view.splats, view.boxes, members, left, top, canvas.reshape(-1), gradients
    )
    return gradients


class _Blend(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        means: Tensor,
        conics: Tensor,
        depths: Tensor,
        spreads: Tensor,
        opacities: Tensor,
        colors: Tensor,
        size: int,
    ) -> tuple[Tensor, Tensor]:
        projected = [part.contiguous().numpy() for part in (means, conics, depths, spreads)]
        shared = opacities.contiguous().numpy(), colors.contiguous().numpy()
        batch, count = depths.shape[:2]
        rgb = means.new_empty(batch, count, 3, size, size)
        light = means.new_empty(batch, count, 1, size, size)
        pictures, lights = rgb.numpy(), light.numpy()
        places = [(b, v) for b in range(batch) for v in range(count)]
        tiles = range(len(_tiles(size)))
        with _threads(len(places) * len(tiles)) as over:
            views = list(over(lambda place: _prepare(place, projected, *shared, size), places))
            jobs = [(view, tile) for view in views for tile in tiles]
            list(over(lambda job: _blend_tile(job[0], job[1], size, pictures, lights), jobs))
        ctx.views = views
        ctx.save_for_backward(rgb, light, opacities)
        ctx.shape = (batch, count, depths.shape[2])
        return rgb, light

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, v_rgb: Tensor, v_light: Tensor) -> tuple[Tensor | None, ...]:
        rgb, light, given = ctx.saved_tensors
        size, (batch, count, g) = rgb.shape[-1], ctx.shape
        behind = ((rgb * v_rgb).sum(2, keepdim=True) + light * v_light).numpy()
        incoming = v_rgb.numpy()
        gradients = rgb.new_zeros(batch, count, 9, g)
        target = gradients.numpy()
        tiles = range(len(_tiles(size)))
        jobs = [(view, tile) for view in ctx.views for tile in tiles]

        def collect(view: View) -> None:
            for tile in tiles:
                members = view.members[view.starts[tile] : view.starts[tile + 1]]
                selection.scatter(view.keys, members, parts[view.place, tile], target[view.place])

        with _threads(len(jobs)) as over:
            found = over(lambda job: _tile_gradients(job[0], job[1], size, behind, incoming), jobs)
            parts = {
                (view.place, tile): part for (view, tile), part in zip(jobs, found, strict=True)
            }
            list(over(collect, ctx.views))
        means, conics, opacities, colors = gradients.split([2, 3, 1, 3], dim=2)
        v_opacities = opacities[:, :, 0] + 0 * given  # NaN is not drawn, but is reported
        return means, conics, None, None, v_opacities, colors.sum(1), None


def blend(
    projected: Projected,
    opacities: Float[Tensor, "b v g"],
    colors: Float[Tensor, "b 3 g"],
    size: int,
) -> tuple[Float[Tensor, "b v 3 h w"], Float[Tensor, "b v 1 h w"]]:
    """Front-to-back alpha blending: colour over black, and the light that passes through."""
    parts = projected.means, projected.conics, projected.depths, projected.spreads
    return _Blend.apply(*parts, opacities, colors, size)
