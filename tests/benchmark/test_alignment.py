"""A known turn and scale are found again, from the input view alone."""

from __future__ import annotations

import dataclasses
import inspect
import math

import pytest
import torch

from dd3g_kedro.benchmark.config import AlignmentConfig
from dd3g_kedro.benchmark.methods.alignment import Alignment, align
from dd3g_kedro.benchmark.methods.lifters import rendered
from dd3g_kedro.benchmark.truth.views import Sighting, ring
from dd3g_kedro.core.geometry import CameraRig
from dd3g_kedro.core.types import Cameras, Gaussians

FRONT = ring([0.0], [5.0], CameraRig())
WHITE = torch.ones(3)


def balls(means: torch.Tensor, colors: torch.Tensor) -> Gaussians:
    count = len(means)
    return Gaussians(
        means[None],
        torch.full((1, count, 3), -3.2),
        torch.tensor([1.0, 0, 0, 0]).expand(1, count, 4).contiguous(),
        colors[None],
        torch.full((1, count), 0.95),
    )


@pytest.fixture(scope="module")
def thing() -> Gaussians:
    """A box without any symmetry: its colour tells the place."""
    where = torch.rand(400, 3, generator=torch.Generator().manual_seed(0)) - 0.5
    return balls(where * torch.tensor([0.9, 0.5, 0.6]), where.roll(1, -1) + 0.5)


def seen(gaussians: Gaussians, camera: Cameras = FRONT, size: int = 128) -> Sighting:
    picture = rendered(gaussians, camera, size, WHITE[None])[0]
    return Sighting(torch.cat([picture, torch.ones(1, size, size)]), FRONT)


def turned(gaussians: Gaussians, turn_deg: float, scale: float = 1.0) -> Gaussians:
    """Every point moved, by hand; balls look the same from all sides."""
    turn = math.radians(turn_deg)
    x, y, z = gaussians.means.unbind(-1)
    moved = torch.stack(
        [
            math.cos(turn) * x - math.sin(turn) * y,
            math.sin(turn) * x + math.cos(turn) * y,
            z,
        ],
        dim=-1,
    )
    return dataclasses.replace(
        gaussians, means=moved * scale, log_scales=gaussians.log_scales + math.log(scale)
    )


@pytest.mark.parametrize("turn", [0.0, 12.5, -47.0, 100.0, 180.0, -173.0])
def test_a_known_turn_is_found_again(thing, turn):
    found = align(thing, seen(turned(thing, turn)), WHITE, AlignmentConfig())
    assert abs((found.turn_deg - turn + 180) % 360 - 180) <= 0.5
    assert found.scale == 1
    assert -180 < found.turn_deg <= 180


@pytest.mark.parametrize(("turn", "scale"), [(37.0, 1.2), (-100.0, 0.8), (0.0, 1.0)])
def test_a_known_turn_and_scale_are_found_again(thing, turn, scale):
    found = align(thing, seen(turned(thing, turn, scale)), WHITE, AlignmentConfig(scale=True))
    assert found.turn_deg == pytest.approx(turn, abs=1)
    assert found.scale == pytest.approx(scale, rel=0.02)


def test_cameras_see_the_aligned_object_as_if_it_had_moved(thing):
    cameras = ring([0.0, 75.0, 200.0], [5.0, 30.0, -20.0], CameraRig())
    by_hand = rendered(turned(thing, 64.0, 0.9), cameras, 64, WHITE[None])
    found = Alignment(turn_deg=64.0, scale=0.9, error=0.0).seeing(cameras)
    torch.testing.assert_close(rendered(thing, found, 64, WHITE[None]), by_hand, rtol=0, atol=2e-3)


def test_what_looks_alike_from_all_sides_stays(thing):
    post = torch.zeros(40, 3)
    post[:, 2] = torch.linspace(-0.4, 0.4, 40)
    symmetric = balls(post, torch.full((40, 3), 0.3))
    nothing = Gaussians(*(value[:, :0] for value in vars(thing).values()))
    for gaussians in (symmetric, nothing):
        for scale in (False, True):
            found = align(gaussians, seen(symmetric), WHITE, AlignmentConfig(scale=scale))
            assert found.turn_deg == 0
            assert found.scale == pytest.approx(1, abs=0.02 * scale)


def test_a_finer_tolerance_is_kept(thing):
    sighting = seen(turned(thing, 33.3))
    found = align(thing, sighting, WHITE, AlignmentConfig(size=96, tolerance_deg=0.05))
    assert found.turn_deg == pytest.approx(33.3, abs=0.2)


def test_a_wrong_object_is_nearest_where_its_error_is_least(thing):
    """The error that is told is the one at the place that is told, and no other turn beats it."""
    other = seen(balls(thing.means[0].flip(0), thing.colors[0] ** 2))
    found = align(thing, other, WHITE, AlignmentConfig())
    for turn in range(-180, 180, 30):
        best = align(turned(thing, float(turn)), other, WHITE, AlignmentConfig())
        assert best.error == pytest.approx(found.error, rel=0.05)


def test_the_truth_is_not_among_the_arguments():
    assert list(inspect.signature(align).parameters) == [
        "gaussians", "sighting", "background", "config",
    ]  # fmt: skip
    fields = {field.name for field in dataclasses.fields(Sighting)}
    assert fields == {"rgba", "camera", "object_id"}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"size": 4}, r"AlignmentConfig\.size must be at least 8"),
        ({"step_deg": 120.0}, r"step_deg must be at most 90"),
        ({"tolerance_deg": 0.0}, r"tolerance_deg must be greater than 0"),
        ({"tolerance_deg": 20.0}, r"tolerance_deg must be at most step_deg 10.0, got 20.0"),
    ],
)
def test_a_wrong_key_is_told(wrong, message):
    with pytest.raises(ValueError, match=message):
        AlignmentConfig(**wrong)
