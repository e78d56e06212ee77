"""A dense float64 renderer by gsplat's rules, written independently of the one under test."""

import math

import pytest
import torch

from dd3g_kedro.core.geometry import CameraRig, orbit
from dd3g_kedro.core.types import AntialiasedGaussians, Gaussians


def _project(mean, quaternion, scale, world_to_camera, intrinsics):
    w, *vector = quaternion / quaternion.norm()
    cross = torch.linalg.cross(torch.eye(3).to(mean), torch.stack(vector).expand(3, 3), dim=1)
    rotation = torch.eye(3).to(mean) + 2 * w * cross + 2 * cross @ cross
    turn = world_to_camera[:3, :3]
    x, y, z = turn @ mean + world_to_camera[:3, 3]
    fx, fy, cx, cy = intrinsics[[0, 1, 0, 1], [0, 1, 2, 2]]
    size = 2 * cx
    u = (x / z).clamp(-cx / fx - 0.15 * size / fx, (size - cx) / fx + 0.15 * size / fx)
    v = (y / z).clamp(-cy / fy - 0.15 * size / fy, (size - cy) / fy + 0.15 * size / fy)
    zero = torch.zeros_like(z)
    jacobian = torch.stack([fx / z, zero, -fx * u / z, zero, fy / z, -fy * v / z]).view(2, 3)
    spread = jacobian @ turn @ rotation * scale
    sharp = spread @ spread.T
    covariance = sharp + 0.3 * torch.eye(2).to(mean)
    smaller = (torch.linalg.det(sharp) / torch.linalg.det(covariance)).clamp(min=1e-14).sqrt()
    centre = torch.stack([fx * x / z + cx, fy * y / z + cy])
    return centre, torch.linalg.inv(covariance), smaller


def _alphas(means, log_scales, quaternions, opacities, camera, size, antialiased):
    """Alpha of every Gaussian that is not too near at every pixel, by depth, and their indices."""
    depth = (camera[0][:3, :3] @ means.mT + camera[0][:3, 3:])[2]
    order = [i for i in depth.argsort(stable=True).tolist() if depth[i] >= 0.01]
    pixels = camera[1] * camera[1].new_tensor([[size], [size], [1]])
    project = torch.vmap(_project, in_dims=(0, 0, 0, None, None))
    centre, conic, smaller = project(
        means[order], quaternions[order], log_scales[order].exp(), camera[0], pixels
    )
    grid = torch.arange(size).to(means) + 0.5
    pixel = torch.stack(torch.meshgrid(grid, grid, indexing="xy"), dim=-1)
    delta = centre[:, None, None] - pixel
    power = -0.5 * torch.einsum("ghwi,gij,ghwj->ghw", delta, conic, delta)
    opacities = opacities[order] * (smaller if antialiased else 1)
    return opacities[:, None, None] * power.exp(), order


def _render_view(means, log_scales, quaternions, colors, opacities, camera, size, antialiased):
    alpha, order = _alphas(means, log_scales, quaternions, opacities, camera, size, antialiased)
    alpha = torch.where(alpha >= 1 / 255, alpha.clamp(max=0.999), 0)
    after = (1 - alpha).cumprod(0)
    alpha = torch.where(after > 1e-4, alpha, 0)
    light = torch.cat([torch.ones_like(alpha[:1]), (1 - alpha).cumprod(0)])
    return torch.einsum("ghw,gc->chw", alpha * light[:-1], colors[order]), light[-1:]


def _views(gaussians, cameras):
    for b, values in enumerate(zip(*vars(gaussians).values(), strict=True)):
        for camera in zip(cameras.world_to_camera[b], cameras.intrinsics[b], strict=True):
            yield b, values, camera


@pytest.fixture
def dense_render():
    """(gaussians, cameras, size, background) -> images, alphas, in the inputs' precision."""

    def draw(gaussians, cameras, size, background):
        images, alphas = [], []
        for b, values, camera in _views(gaussians, cameras):
            rgb, light = _render_view(*values, camera, size, gaussians.antialiased)
            images.append(rgb + light * background[b, :, None, None])
            alphas.append(1 - light)
        shape = (len(gaussians), -1)
        return torch.stack(images).unflatten(0, shape), torch.stack(alphas).unflatten(0, shape)

    return draw


@pytest.fixture
def decided_pixels():
    """1 where no threshold (1/255, 1e-4) is so near that rounding decides, else 0."""

    def decide(gaussians, cameras, size):
        clear = []
        for _, (means, log_scales, quaternions, _, opacities), camera in _views(gaussians, cameras):
            shape = means, log_scales, quaternions, opacities
            alpha, _ = _alphas(*shape, camera, size, gaussians.antialiased)
            near = (alpha * 255 - 1).abs() < 1e-4
            alpha = torch.where(alpha >= 1 / 255, alpha.clamp(max=0.999), 0)
            near |= ((1 - alpha).cumprod(0) * 1e4 - 1).abs() < 1e-3
            clear.append(~near.any(0, keepdim=True))
        return torch.stack(clear).unflatten(0, (len(gaussians), -1)).double()

    return decide


@pytest.fixture
def make_gaussians():
    """Gaussians near a sphere that fills the picture: (batch, count, pixels) -> Gaussians."""

    def make(
        batch=1, count=100, pixels=1.5, size=64, seed=0, dtype=torch.float32, antialiased=False
    ):
        generator = torch.Generator().manual_seed(seed)

        def normal(*shape):
            return torch.randn(batch, count, *shape, generator=generator, dtype=torch.float64)

        direction = normal(3)
        means = 0.5 * direction / direction.norm(dim=-1, keepdim=True) * (1 + 0.05 * normal(1))
        pixel = 2 * 1.5 * math.tan(math.radians(49.1 / 2)) / size
        values = (
            means,
            math.log(pixels * pixel) + 0.4 * normal(3),
            normal(4),
            normal(3).sigmoid(),
            (2 * normal()).sigmoid() * 0.98 + 0.005,
        )
        kind = AntialiasedGaussians if antialiased else Gaussians
        return kind(*(value.to(dtype) for value in values))

    return make


@pytest.fixture
def make_cameras():
    """Cameras at azimuths (degrees) and one elevation, the same for every object."""

    def make(*azimuths_deg, elevation_deg=0.0, batch=1, dtype=torch.float32):
        azimuth = torch.tensor([azimuths_deg], dtype=dtype).deg2rad()
        elevation = torch.full_like(azimuth, math.radians(elevation_deg))
        return orbit(azimuth, elevation, CameraRig()).expand(batch)

    return make
