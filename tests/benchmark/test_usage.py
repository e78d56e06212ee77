from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from dd3g_kedro.benchmark.scores.usage import coverage, used_share
from dd3g_kedro.core.geometry import CameraRig, orbit
from dd3g_kedro.core.types import AntialiasedGaussians, Gaussians

SIZE = 64


@pytest.fixture
def cameras():
    azimuth = torch.arange(12)[None] * (2 * math.pi / 12)
    return orbit(azimuth, torch.zeros_like(azimuth), CameraRig())


def balls(*radii_and_opacities, kind=Gaussians):
    """Concentric balls of a radius and an opacity each."""
    count = len(radii_and_opacities)
    radii, opacities = (torch.tensor(column) for column in zip(*radii_and_opacities, strict=True))
    return kind(
        torch.zeros(1, count, 3),
        radii.log()[None, :, None].expand(1, count, 3).contiguous(),
        torch.tensor([1.0, 0.0, 0.0, 0.0]).expand(1, count, 4).contiguous(),
        torch.rand(1, count, 3),
        opacities[None],
    )


def test_a_lone_gaussian_covers_its_opacity_times_its_area(cameras):
    radius, opacity = 0.08, 0.7
    focal = SIZE * 0.5 / math.tan(math.radians(49.1) / 2)
    variance = (focal * radius / 1.5) ** 2 + 0.3
    expected = 2 * math.pi * variance * opacity
    found = coverage(balls((radius, opacity)), cameras, SIZE)
    assert found.item() == pytest.approx(expected, rel=0.03)


def test_what_lies_in_an_opaque_clump_or_is_transparent_does_nothing(cameras):
    shell = balls((0.1, 0.999), (0.02, 0.9), (0.1, 1e-4))
    directions = torch.nn.functional.normalize(torch.randn(1, 800, 3), dim=-1)
    wall = balls(*[(0.08, 0.99)] * 800)
    wall = replace(wall, means=0.3 * directions)
    together = Gaussians(
        *(
            torch.cat(pair, dim=1)
            for pair in zip(vars(shell).values(), vars(wall).values(), strict=True)
        )
    )
    found = coverage(together, cameras, SIZE)
    assert found[:3].max() < 0.1 / 12
    assert used_share(together, cameras, SIZE) < 800 / 803 + 1e-6


def test_the_mode_of_drawing_counts(cameras):
    small = (0.002, 0.5)
    classic = coverage(balls(small), cameras, SIZE).item()
    fair = coverage(balls(small, kind=AntialiasedGaussians), cameras, SIZE).item()
    assert fair < 0.2 * classic


def test_it_can_be_asked_in_inference_mode(cameras):
    with torch.inference_mode():
        assert used_share(balls((0.1, 0.9)), cameras, SIZE) == 1
