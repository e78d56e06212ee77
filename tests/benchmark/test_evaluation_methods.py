"""The baselines do what their names say; the student sees what it was trained on."""

from __future__ import annotations

import math

import pytest
import torch
from tests.known_objects import SIZE, drawing

from dd3g_kedro.benchmark.methods.lifters import (
    Lifted,
    StudentLifter,
    copy_input,
    extrude,
    extruded_silhouette,
    mean_color,
)
from dd3g_kedro.benchmark.truth.views import Sighting, ring
from dd3g_kedro.core.geometry import CameraRig
from dd3g_kedro.core.objective.background import composite
from dd3g_kedro.core.objective.fidelity import psnr
from dd3g_kedro.core.student.weights import Student

WHITE = torch.ones(1, 3)
SLAB = Lifted(extruded_silhouette)


def around(count: int = 4):
    return ring([360 * k / count for k in range(count)], [5.0] * count, CameraRig())


def on_white(rgba: torch.Tensor) -> torch.Tensor:
    return composite(rgba, torch.ones(3))


def test_copy_is_the_input_at_every_camera(sighting):
    views = copy_input(sighting, around(), SIZE, WHITE)
    assert views.shape == (4, 3, SIZE, SIZE)
    for view in views:
        torch.testing.assert_close(view, on_white(sighting.rgba), rtol=0, atol=0)


def test_mean_colour_is_flat_and_has_the_inputs_mean(sighting):
    view = mean_color(sighting, around(), SIZE, WHITE)[2]
    inside = sighting.rgba[3] > 0.5
    truth = sighting.rgba[:3, inside].mean(dim=1)
    torch.testing.assert_close(view[:, inside], truth[:, None].expand(3, int(inside.sum())))
    assert (view[:, ~inside] == 1).all()


@pytest.fixture(scope="module")
def large() -> Sighting:
    return Sighting(rgba=drawing(size=256), camera=ring([0.0], [5.0], CameraRig()))


@pytest.fixture(scope="module")
def slab(large) -> torch.Tensor:
    return SLAB(large, around(), 256, WHITE)


def test_extruded_silhouette_shows_the_input_at_the_inputs_camera(large, slab):
    assert float(psnr(slab[:1], on_white(large.rgba)[None])) > 26


def test_extruded_silhouette_shows_the_mirror_image_from_behind(large, slab):
    assert float(psnr(slab[2:3], on_white(large.rgba.flip(-1))[None])) > 26
    assert float(psnr(slab[2:3], on_white(large.rgba)[None])) < 20


def test_extruded_silhouette_is_a_bar_of_row_means_from_the_side(large, slab):
    inside = large.rgba[3, 128] > 0.5
    truth = large.rgba[:3, 128, inside].mean(dim=1)
    torch.testing.assert_close(slab[1, :, 128, 128], truth, rtol=0, atol=0.03)
    bar = (slab[1, :, 128] < 0.9).any(dim=0).sum()
    nearest = (inside.nonzero().max() / 256 - 0.5) * 2 * 1.5 * math.tan(math.radians(49.1 / 2))
    expected = 0.6 * 1.5 / (1.5 - nearest)  # the wall is nearer than the origin, so larger
    assert float(bar / inside.sum()) == pytest.approx(float(expected), abs=0.06)


def test_an_invisible_input_extrudes_to_nothing():
    empty = Sighting(rgba=torch.zeros(4, 32, 32), camera=ring([0.0], [5.0], CameraRig()))
    assert extrude(empty).means.shape == (1, 0, 3)
    assert (SLAB(empty, around(), 32, WHITE) == 1).all()


def test_a_seed_gives_the_students_views_again(student, sighting):
    first, second, other = (
        Lifted(StudentLifter(student, seed, autocast=False))(sighting, around(), SIZE, WHITE)
        for seed in (3, 3, 4)
    )
    torch.testing.assert_close(first, second, rtol=0, atol=0)
    assert (first - other).abs().max() > 0


def test_the_student_sees_the_input_over_the_background_at_its_own_size(student, sighting):
    class Spy(Student):
        """Notes what it is given."""

        def lift(self, input_images, seeds):
            self.seen = input_images
            return super().lift(input_images, seeds)

    spy = Spy(student.generator, student.config)
    StudentLifter(spy, 0, autocast=False)(sighting, torch.full((3,), 0.25))
    size = student.config.image_size
    assert spy.seen.shape == (1, 3, size, size)
    assert (spy.seen[0, :, 0, 0] == 0.25).all()


@pytest.mark.parametrize("method", [copy_input, mean_color, SLAB])
def test_views_have_the_asked_size_whatever_the_inputs(method):
    other = Sighting(rgba=drawing(size=100), camera=ring([0.0], [5.0], CameraRig()))
    assert method(other, around(3), 32, WHITE).shape == (3, 3, 32, 32)
