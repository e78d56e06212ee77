"""R(G, C): one function for CPU and CUDA."""

from __future__ import annotations

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from dd3g_kedro.core.rendering.projection import pixel_intrinsics, project
from dd3g_kedro.core.types import Cameras, Gaussians, Renders


def render(
    gaussians: Gaussians, cameras: Cameras, size: int, background: Float[Tensor, "b 3"]
) -> Renders:
    """R(G, C): splat Gaussians into every camera, `size` pixels a side, over `background`.

    Differentiable in all five attributes and in the background; float32, also under autocast.
    Both devices follow gsplat's rules: near plane 0.01, 0.3 square pixels of blur, alpha below
    1/255 left out and capped at 0.999, a pixel finished at a transmittance of 1e-4. Gaussians that
    are `antialiased` are drawn in gsplat's mode of that name.

    Raises:
        ValueError: batches, devices or size do not fit.
    """
    _check(gaussians, cameras, size, background)
    views = cameras.world_to_camera.shape[1]
    with torch.autocast(gaussians.means.device.type, enabled=False):
        gaussians = type(gaussians)(*(value.float() for value in vars(gaussians).values()))
        cameras = Cameras(cameras.world_to_camera.float(), cameras.intrinsics.float())
        background = background.float()[:, None, :, None, None]
        if gaussians.means.shape[1] == 0:
            empty = background.new_zeros(len(background), views, 1, size, size)
            return Renders((background + empty).contiguous(), empty)
        draw = _draw_cuda if gaussians.means.is_cuda else _draw_cpu
        rgb, light = draw(gaussians, cameras, size)  # light: what passes through
        return Renders(rgb + light * background, 1 - light)


def _check(gaussians: Gaussians, cameras: Cameras, size: int, background: Tensor) -> None:
    batches = {
        "gaussians": len(gaussians),
        "cameras": len(cameras.world_to_camera),
        "background": len(background),
    }
    if len(set(batches.values())) > 1:
        raise ValueError(
            f"render: gaussians, cameras and background must have one batch size, got {batches}; "
            "repeat shared cameras with Cameras.expand(batch)"
        )
    devices = {gaussians.means.device, cameras.world_to_camera.device, background.device}
    if len(devices) > 1:
        raise ValueError(
            f"render: all inputs must be on one device, got {sorted(map(str, devices))}"
        )
    if size < 1:
        raise ValueError(f"render: size must be at least 1 pixel, got {size}")


def _draw_cpu(gaussians: Gaussians, cameras: Cameras, size: int) -> tuple[Tensor, Tensor]:
    from dd3g_kedro.core.rendering.blending import blend  # Numba starts only where it draws

    colors = rearrange(gaussians.colors, "b g c -> b c g")
    projected = project(gaussians, cameras, size)
    opacities = gaussians.opacities[:, None].expand_as(projected.depths)
    if gaussians.antialiased:
        opacities = opacities * projected.compensations
    return blend(projected, opacities, colors, size)


def _draw_cuda(gaussians: Gaussians, cameras: Cameras, size: int) -> tuple[Tensor, Tensor]:
    from gsplat import rasterization

    rgb, alphas, _ = rasterization(
        gaussians.means,
        gaussians.quaternions,
        gaussians.log_scales.exp(),
        gaussians.opacities,
        gaussians.colors,
        cameras.world_to_camera.contiguous(),
        pixel_intrinsics(cameras.intrinsics, size).contiguous(),
        size,
        size,
        packed=False,
        rasterize_mode="antialiased" if gaussians.antialiased else "classic",
    )
    return rearrange(rgb, "b v h w c -> b v c h w"), 1 - rearrange(alphas, "b v h w c -> b v c h w")
