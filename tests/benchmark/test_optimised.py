"""Optimised methods get what they need from the teacher, which is read only if they are asked for.

The optimisations themselves are mostly replaced: what is tested is what they are given.
"""

from __future__ import annotations

import math
import sys
from dataclasses import replace
from types import ModuleType

import pytest
import torch
from tests.fakes import SIZE as TEACHER_SIZE
from tests.fakes import tiny_teacher
from tests.known_objects import stored_views, views_table

from dd3g_kedro.benchmark.comparison import compare, named_methods
from dd3g_kedro.benchmark.config import EvaluateConfig, TwoStage
from dd3g_kedro.benchmark.methods.lifters import Lifted, MeasurableLifter, extrude
from dd3g_kedro.benchmark.methods.optimised import (
    DreamGaussian,
    TeacherViews,
    TwoStageLifter,
    optimised_method,
)
from dd3g_kedro.core.errors import MissingWeights
from dd3g_kedro.core.geometry.cameras import orbit
from dd3g_kedro.core.noise import noise_from_seeds
from dd3g_kedro.core.objective.background import composite
from dd3g_kedro.core.teacher.cameras import frame_azimuths
from dd3g_kedro.core.types import Gaussians
from dd3g_kedro.fitting.config import FitConfig, SdsConfig
from dd3g_kedro.pictures.framing import square

GREY = torch.full((3,), 0.25)
FIT = FitConfig(steps=4)


@pytest.fixture(scope="module")
def teacher():
    return tiny_teacher()


@pytest.fixture
def given(monkeypatch, sighting) -> dict:
    """What the optimisations were given; both answer with a slab."""
    calls: dict = {}

    def fit_to_views(images, cameras, background, config):
        calls["two_stage"] = (images, cameras, background, config)
        return extrude(sighting)

    def optimise_by_sds(image, teacher, config):
        calls["dreamgaussian"] = (image, teacher, config)
        return extrude(sighting)

    for name, content in {
        "views": {"fit_to_views": fit_to_views},
        "score": {"optimise_by_sds": optimise_by_sds},
    }.items():
        module = ModuleType(f"dd3g_kedro.fitting.{name}")
        vars(module).update(content)
        monkeypatch.setitem(sys.modules, module.__name__, module)
    return calls


def test_two_stages_fit_the_teachers_own_sample(teacher, given, sighting):
    lifter = TwoStageLifter(teacher, 7, TwoStage(steps=3, guidance_scale=2.0), FIT)
    assert lifter(sighting, GREY).means.shape[0] == 1
    images, cameras, background, config = given["two_stage"]
    elevation = math.radians(teacher.config.elevation_deg)
    picture = composite(square(sighting.rgba, TEACHER_SIZE), GREY)
    with torch.no_grad():
        latents = teacher.sample(
            noise_from_seeds([7], teacher.latent_shape),
            teacher.condition(picture[None]),
            teacher.frames(1, elevation),
            steps=3,
            guidance_scale=2.0,
        )
        expected = teacher.decode(latents[0])
    torch.testing.assert_close(images, expected)
    position = torch.linalg.inv(cameras.world_to_camera[0])[:, :3, 3]
    azimuths = torch.atan2(position[:, 1], position[:, 0])
    difference = azimuths - frame_azimuths()
    torch.testing.assert_close(difference.cos(), torch.ones(4))
    assert config == FitConfig(steps=4, seed=7)
    assert (background == 0.25).all()


def test_a_seed_decides_the_sampled_views(teacher, given, sighting):
    def views(seed: int) -> torch.Tensor:
        TwoStageLifter(teacher, seed, TwoStage(steps=2), FIT)(sighting, GREY)
        return given["two_stage"][0]

    first, again, other = views(1), views(1), views(2)
    torch.testing.assert_close(first, again, rtol=0, atol=0)
    assert (first - other).abs().max() > 1e-3


def test_the_teachers_own_views_stand_at_the_cameras_that_are_nearest(teacher, sighting):
    method = TeacherViews(teacher, 7, TwoStage(steps=3))
    picture = composite(square(sighting.rgba, TEACHER_SIZE), GREY)
    own, _ = method.sampled(picture)
    assert (own[0] - own[2]).abs().max() > 1e-3
    turned = [0, 30, 60, 90, 180, 210, -90, 300]  # the frames: -90, 0, 90, 180
    azimuth = torch.tensor([[math.radians(angle) for angle in turned]])
    cameras = orbit(azimuth, torch.full_like(azimuth, math.radians(5)), teacher.config.rig)
    with torch.inference_mode():
        same = method(sighting, cameras, TEACHER_SIZE, GREY[None])
        large = method(sighting, cameras, 2 * TEACHER_SIZE, GREY[None])
    torch.testing.assert_close(same, own[[1, 1, 2, 2, 3, 3, 0, 0]].clamp(0, 1))
    assert large.shape == (8, 3, 2 * TEACHER_SIZE, 2 * TEACHER_SIZE)
    small = torch.nn.functional.avg_pool2d(large, 2)
    assert (small - same).abs().mean() < 0.5 * (small[0] - small[2]).abs().mean()


def test_score_distillation_gets_the_picture_with_its_alpha(teacher, given, sighting):
    DreamGaussian(teacher, 5, SdsConfig(steps=3))(sighting, GREY)
    image, asked, config = given["dreamgaussian"]
    torch.testing.assert_close(image, square(sighting.rgba, TEACHER_SIZE))
    assert asked is teacher
    assert config == SdsConfig(steps=3, seed=5)


def test_the_teacher_is_read_only_if_it_is_asked_for(student, config):
    def never():
        raise AssertionError("read")

    named_methods(student, config, never)
    wider = replace(config, optimised=("two_stage",))
    with pytest.raises(AssertionError, match="read"):
        named_methods(student, wider, never)
    with pytest.raises(MissingWeights, match=r"evaluate\.optimised asks for two_stage"):
        named_methods(student, wider)


def test_optimised_methods_are_rows_between_students_and_baselines(
    student, teacher, given, config, tmp_path
):
    wider = replace(
        config,
        optimised=("dreamgaussian", "two_stage", "teacher_views"),
        baselines=("copy_input",),
        two_stage=TwoStage(steps=2),
        costs=True,
    )
    methods = named_methods(student, wider, lambda: teacher)
    assert list(methods) == [
        *("student", "dreamgaussian", "two_stage", "teacher_views", "copy_input")
    ]
    for name in ("dreamgaussian", "two_stage"):
        assert isinstance(methods[name], Lifted)
        assert isinstance(methods[name].lifter, MeasurableLifter)
    found = compare(student, stored_views(views_table(1), tmp_path), wider, lambda: teacher)
    assert math.isfinite(found["metrics"]["two_stage"]["aligned_psnr"])
    assert math.isfinite(found["metrics"]["teacher_views"]["psnr"])
    assert found["costs"]["method"].tolist() == ["student", "dreamgaussian", "two_stage"]


@pytest.mark.parametrize("name", ["dreamgaussian", "two_stage"])
def test_the_real_optimisations_follow_their_parameters(name, teacher, sighting, config):
    small = {"gaussians": 40, "densification": None}
    given = {"fit": {"steps": 3, "cloud": small}, "sds": {"steps": 3, "cloud": small}}
    asking = replace(config, two_stage=TwoStage(steps=2), **given)

    def made(asking: EvaluateConfig) -> Gaussians:
        lifter = optimised_method(name, teacher, asking).lifter
        with torch.inference_mode():  # as where an evaluation calls it
            return lifter(sighting, GREY)

    first, again, other = made(asking), made(asking), made(replace(asking, seed=1))
    assert first.means.shape == (1, 40, 3)
    assert all(bool(value.isfinite().all()) for value in vars(first).values())
    torch.testing.assert_close(first.means, again.means, rtol=0, atol=0)
    assert not torch.equal(first.means, other.means)


def test_a_seed_beside_the_evaluations_own_is_refused(config):
    for key in ("fit", "sds"):
        with pytest.raises(ValueError, match=rf"EvaluateConfig\.{key}\.seed has no effect"):
            replace(config, **{key: {"seed": 3}})
        with pytest.raises(ValueError, match=rf"EvaluateConfig\.{key}\.steps"):
            replace(config, **{key: {"steps": "many"}})
