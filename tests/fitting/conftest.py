"""A small object that looks different from every side, and cameras around it."""

import math

import pytest
import torch
from tests.fakes import SIZE, tiny_teacher

from dd3g_kedro.core.geometry import CameraRig, orbit
from dd3g_kedro.core.rendering.render import render
from dd3g_kedro.core.teacher.schedule import released_schedule
from dd3g_kedro.core.teacher.teacher import ImageCondition, Teacher
from dd3g_kedro.core.types import Gaussians

WHITE = torch.ones(3)


def known_object() -> Gaussians:
    """An egg whose colour follows its normal, with an arm towards +y."""
    generator = torch.Generator().manual_seed(5)
    normals = torch.nn.functional.normalize(torch.randn(400, 3, generator=generator), dim=-1)
    egg = normals * torch.tensor([0.25, 0.3, 0.4])
    arm = torch.stack([torch.zeros(40), torch.linspace(0.25, 0.5, 40), torch.full((40,), 0.1)], 1)
    means = torch.cat([egg, arm])
    colors = torch.cat([0.5 + 0.4 * normals, torch.tensor([[0.9, 0.1, 0.1]]).expand(40, 3)])
    upright = torch.tensor([1.0, 0.0, 0.0, 0.0])
    return Gaussians(
        means[None],
        torch.full((1, 440, 3), math.log(0.03)),
        upright.expand(1, 440, 4).contiguous(),
        colors[None],
        torch.full((1, 440), 0.95),
    )


def ring(*azimuths_deg, elevation_deg=5.0):
    azimuth = torch.tensor([azimuths_deg], dtype=torch.float32).deg2rad()
    return orbit(azimuth, torch.full_like(azimuth, math.radians(elevation_deg)), CameraRig())


@torch.no_grad()
def pictures(gaussians, cameras, size, background=WHITE):
    return render(gaussians, cameras, size, background[None]).images[0]


class Painter(Teacher):
    """Its score points from any picture to that of a known object over white: x_0 = truth."""

    def __init__(self, truth: Gaussians):
        torch.nn.Module.__init__(self)
        self.truth, self.cameras = truth, None
        self.config = tiny_teacher().config
        self.register_buffer("text_tokens", torch.zeros(1, 1, 1))
        self.register_buffer("alphas_cumprod", released_schedule().alphas_cumprod)

    def encode(self, images, generator=None):
        return images * 2 - 1

    def condition(self, input_images):
        return ImageCondition(torch.zeros(1, 1, 1), torch.zeros(1, 3, 1, 1))

    def camera_vectors(self, cameras):
        self.cameras = cameras
        return super().camera_vectors(cameras)

    def predict(self, latents, timesteps, condition, camera, guidance_scale):
        clean = pictures(self.truth, self.cameras, SIZE)[None] * 2 - 1
        alpha_bar = self.alphas_cumprod[timesteps].view(-1, 1, 1, 1, 1)
        noise = (latents - alpha_bar.sqrt() * clean) / (1 - alpha_bar).sqrt()
        return noise, noise

    def noise_from_output(self, output, latents, timesteps):
        return output


@pytest.fixture(scope="session")
def egg():
    return known_object()


@pytest.fixture(scope="session")
def painter(egg):
    return Painter(egg)


@pytest.fixture(scope="session")
def views_of():
    """(gaussians, cameras, size, background) -> pictures."""
    return pictures


@pytest.fixture(scope="session")
def around():
    """Azimuths in degrees -> cameras."""
    return ring
