from __future__ import annotations

import math

import pytest
import torch

from dd3g_kedro.core.objective.config import Verification
from dd3g_kedro.core.objective.verification import (
    implicit_verification,
    verification_cameras,
    verification_timesteps,
)

PAPER = Verification(timesteps=(20, 300), elevation_deg=(-5.0, 5.0), weighting="x0_reconstruction")


def test_its_gradient_is_the_residual_divided_by_the_objects():
    latents = torch.randn(3, 4, 2, 5, 5, requires_grad=True)
    residual = torch.randn(3, 4, 2, 5, 5)
    implicit_verification(latents, lambda _: residual).backward()
    torch.testing.assert_close(latents.grad, residual / 3)


def test_no_gradient_passes_through_the_teacher():
    latents = torch.randn(1, 4, 2, 3, 3, requires_grad=True)
    implicit_verification(latents, lambda z: z**3).backward()
    torch.testing.assert_close(latents.grad, latents.detach() ** 3)


def test_descending_it_pulls_latents_to_where_the_teacher_sees_no_error():
    clean = torch.randn(2, 4, 1, 3, 3)
    latents = torch.randn(2, 4, 1, 3, 3, requires_grad=True)
    optimizer = torch.optim.SGD([latents], lr=1.0)
    for _ in range(30):
        optimizer.zero_grad()
        implicit_verification(latents, lambda z: z - clean).backward()
        optimizer.step()
    torch.testing.assert_close(latents.detach(), clean, atol=1e-5, rtol=0)


def test_the_four_cameras_of_a_group_are_a_quarter_turn_apart_at_one_elevation():
    azimuth, elevation = verification_cameras(500, PAPER, torch.Generator().manual_seed(0))
    steps = azimuth.diff(dim=1)
    torch.testing.assert_close(steps, torch.full_like(steps, math.pi / 2))
    assert (elevation == elevation[:, :1]).all()


def test_cameras_cover_the_whole_turn_and_the_pitch_range_and_no_more():
    azimuth, elevation = verification_cameras(4000, PAPER, torch.Generator().manual_seed(0))
    start = azimuth[:, 0].rad2deg()
    assert -180 <= start.min() < -178
    assert 178 < start.max() < 180
    assert torch.histc(start, 8, -180, 180).min() > 400  # uniform: 500 each
    pitch = elevation.rad2deg()
    assert -5 <= pitch.min() < -4.95
    assert 4.95 < pitch.max() <= 5


def test_timesteps_reach_both_ends_of_the_range():
    narrow = Verification(timesteps=(20, 22), elevation_deg=(0, 0), weighting="one")
    drawn = verification_timesteps(200, narrow, torch.Generator().manual_seed(0))
    assert set(drawn.tolist()) == {20, 21, 22}


def test_a_generator_gives_the_same_cameras_and_timesteps_again():
    def draw():
        generator = torch.Generator().manual_seed(5)
        timesteps = verification_timesteps(3, PAPER, generator)
        return (*verification_cameras(3, PAPER, generator), timesteps)

    for first, second in zip(draw(), draw(), strict=True):
        torch.testing.assert_close(first, second, rtol=0, atol=0)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"timesteps": (300, 20)}, r"Verification\.timesteps must rise within 0\.\.999"),
        ({"timesteps": (20, 1000)}, r"Verification\.timesteps"),
        ({"elevation_deg": (5.0, -5.0)}, r"Verification\.elevation_deg must rise"),
        ({"weighting": "sds"}, r"Verification\.weighting must be one of x0_reconstruction, one_"),
        ({"rescale": 2.0}, r"Verification\.rescale must be at most 1"),
    ],
)
def test_numbers_that_make_no_sense_are_named(change, named):
    values = {"timesteps": (20, 300), "elevation_deg": (-5.0, 5.0), "weighting": "one"}
    with pytest.raises(ValueError, match=named):
        Verification(**values | change)
