"""The way between two inputs."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from tests.fakes import SIZE, tiny_student, tiny_student_config

from dd3g_kedro.ablation.config import Interpolation
from dd3g_kedro.ablation.interpolation import (
    Path3D,
    interpolate,
    interpolations,
    lift_tokens,
    smoothness,
    strip,
)
from dd3g_kedro.benchmark.protocol import load_protocol
from dd3g_kedro.core.rendering.render import render
from dd3g_kedro.core.student.weights import Student

CONFIG = Interpolation(frames=5, azimuths_deg=(0.0, 90.0))


def pictures() -> torch.Tensor:
    return torch.rand(2, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0))


def way(frames: torch.Tensor) -> Path3D:
    return Path3D(("a", "b"), frames, pictures())


def test_tokens_of_a_picture_lift_to_what_the_student_makes_of_it():
    student = tiny_student().eval()
    noise, rays = student.noise([3, 4]), student.rays(2)
    with torch.no_grad():
        tokens = student.generator.image_encoder(pictures())
        lifted = lift_tokens(student.generator, tokens, noise, rays)
        whole = student(pictures(), noise, rays)
    for name, value in vars(whole).items():
        torch.testing.assert_close(getattr(lifted, name), value)


def test_the_ends_are_the_objects_of_the_two_inputs():
    student = tiny_student().eval()
    found = interpolate(student, pictures(), ("a", "b"), CONFIG)
    for index, frame in ((0, 0), (1, -1)):
        gaussians = student.lift(pictures()[index : index + 1], seeds=[CONFIG.seed])
        cameras = student.cameras  # azimuths -90, 0, 90, 180: the second and the third are shown
        views = render(gaussians, cameras, SIZE, torch.ones(1, 3)).images[0, 1:3].clamp(0, 1)
        torch.testing.assert_close(found.frames[frame], views, atol=1e-5, rtol=0)


def test_an_even_way_has_even_steps():
    ends = torch.rand(2, 1, 3, SIZE, SIZE)
    shares = torch.linspace(0, 1, 6).view(-1, 1, 1, 1, 1)
    steps = way((1 - shares) * ends[0] + shares * ends[1]).steps()
    assert steps["steps"] == 5
    assert steps["mean_step"] == pytest.approx(0.2, abs=1e-5)
    assert steps["largest_step"] == pytest.approx(0.2, abs=1e-5)


def test_a_jump_is_one_step_of_the_whole_length():
    ends = torch.rand(2, 1, 3, SIZE, SIZE)
    steps = way(ends[torch.tensor([0, 0, 1, 1, 1])]).steps()
    assert steps["largest_step"] == pytest.approx(1)
    assert steps["mean_step"] == pytest.approx(0.25)


def test_measures_and_picture_name_every_way():
    ways = [
        way(torch.rand(4, 2, 3, SIZE, SIZE)),
        replace(way(torch.rand(4, 2, 3, SIZE, SIZE)), names=("c", "d")),
    ]
    manifest = load_protocol("demo-1")
    found = smoothness(ways, manifest)
    assert found["protocol"] == {"id": "demo-1", "digest": manifest.digest}
    assert set(found["ways"]) == {"a to b", "c to d"}
    assert found["mean"]["steps"] == 3
    assert strip(ways).size == (6 * 128, 4 * 128)


def test_a_student_without_tokens_of_both_kinds_is_refused():
    config = tiny_student_config()
    bare = replace(config, pepd=replace(config.pepd, pattern_extraction=None))
    with pytest.raises(ValueError, match=r"needs a student with image and pattern tokens.*got PD"):
        interpolate(Student.from_config(bare, 0), pictures(), ("a", "b"), CONFIG)


def test_one_picture_is_no_pair(tmp_path):
    with pytest.raises(ValueError, match="expected at least two pictures"):
        interpolations(tiny_student(), tmp_path, CONFIG)
