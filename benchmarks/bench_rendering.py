"""Time and work of rendering: `pytest -n 0 benchmarks/bench_rendering.py --benchmark-only`.

Wanted: 16,384 Gaussians at 128 px, 4 views, sigma about 1 px, forward and backward, in 70 ms on two
cores.

Measured on two cores of an AMD EPYC with AVX-512 at 3.9 GHz, torch 2.12, numba 0.68, forward /
forward and backward in ms. Processor time on one thread, and the best wall time on two threads
beside other work (the machine was never idle, so the second column is an upper limit):

| Gaussians, picture, views, sigma | million pairs | one thread, CPU | two threads, wall |
|---|---|---|---|
| 4,096, 64 px, 4, 1 px | 1.0 | 3.3 / 9.4 | 3.8 / 9.8 |
| 16,384, 128 px, 1, 1 px | 1.0 | 4.0 / 11 | 4.6 / 11 |
| 16,384, 128 px, 4, 1 px | 4.1 | 11 / 34 | 30 / 36 |
| 16,384, 128 px, 4, 3 px | 31 | 39 / 105 | 46 / 129 |
| 157,184, 256 px, 1, 1 px | 9.8 | 47 / 130 | 88 / 578 |
| 157,184, 256 px, 4, 1 px | 39 | 190 / 519 | not measured |

The bound is arithmetic: a pair (a pixel in a Gaussian's box) takes about 40 operations forward and
70 backward. The kernels alone need 1.0 to 1.5 ns a pair forward and 1.9 to 2.7 ns backward on one
core, 26 to 40 GFLOP/s of the 126 that two 256-bit multiply-adds a cycle would give. Memory does
not bound them: a tile's canvas (72 kB forward, 206 kB backward) stays in the core's cache, and 56
bytes a Gaussian and 16 a pixel cross from memory.
"""

from __future__ import annotations

import math

import pytest
import torch

from dd3g_kedro.core.geometry import CameraRig, orbit
from dd3g_kedro.core.rendering.projection import project
from dd3g_kedro.core.rendering.render import render
from dd3g_kedro.core.types import Gaussians

SCENES = {  # Gaussians, pixels, views, sigma in pixels
    "4k_64px_4v": (4_096, 64, 4, 1.0),
    "16k_128px_1v": (16_384, 128, 1, 1.0),
    "16k_128px_4v": (16_384, 128, 4, 1.0),
    "16k_128px_4v_3px": (16_384, 128, 4, 3.0),
    "157k_256px_1v": (157_184, 256, 1, 1.0),
    "157k_256px_4v": (157_184, 256, 4, 1.0),
}
cuda = pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="CPU"))


def scene(count, size, views, sigma):
    """Gaussians near a sphere that fills the picture, of mixed opacity."""
    generator = torch.Generator().manual_seed(0)
    direction = torch.randn(1, count, 3, generator=generator)
    radius = 0.5 * (1 + 0.02 * torch.randn(1, count, 1, generator=generator))
    pixel = 2 * 1.5 * math.tan(math.radians(49.1 / 2)) / size
    gaussians = Gaussians(
        means=radius * direction / direction.norm(dim=-1, keepdim=True),
        log_scales=math.log(sigma * pixel) + 0.3 * torch.randn(1, count, 3, generator=generator),
        quaternions=torch.randn(1, count, 4, generator=generator),
        colors=torch.rand(1, count, 3, generator=generator),
        opacities=0.05 + 0.94 * torch.rand(1, count, generator=generator),
    )
    azimuth = torch.arange(views)[None] * (2 * math.pi / views)
    return gaussians, orbit(azimuth, torch.zeros(1, views), CameraRig())


def pairs(gaussians, cameras, size):
    """How many pixels the boxes of all Gaussians hold: what the kernels walk over."""
    from dd3g_kedro.core.rendering.blending import _prepare

    projected = [part.numpy() for part in project(gaussians, cameras, size)[:4]]
    views = cameras.world_to_camera.shape[1]
    opacities = gaussians.opacities[:, None].expand(-1, views, -1).numpy()
    colors = gaussians.colors.mT.contiguous().numpy()
    total = 0
    for view in range(views):
        boxes = _prepare((0, view), projected, opacities, colors, size).boxes.astype(int)
        total += int(((boxes[:, 1] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 2])).sum())
    return total


@pytest.mark.parametrize("device", ["cpu", cuda])
@pytest.mark.parametrize("name", SCENES)
@pytest.mark.parametrize("pass_", ["forward", "forward_backward"])
def bench_render(benchmark, name, pass_, device):
    gaussians, cameras = scene(*SCENES[name])
    size = SCENES[name][1]
    benchmark.extra_info["million_pairs"] = pairs(gaussians, cameras, size) / 1e6
    gaussians, cameras = gaussians.to(device), cameras.to(device)
    for value in vars(gaussians).values():
        value.requires_grad_()
    background = torch.ones(1, 3, device=device)

    def draw():
        with torch.set_grad_enabled(pass_ != "forward"):
            images = render(gaussians, cameras, size, background).images
            if pass_ != "forward":
                images.square().mean().backward()
        if device == "cuda":
            torch.cuda.synchronize()

    benchmark.pedantic(draw, warmup_rounds=2, rounds=8)
