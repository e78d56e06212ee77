"""Measures of a student, in cases whose answer is known."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from tests.ablation.toys import Toys
from tests.fakes import SIZE, tiny_student

from dd3g_kedro.ablation.config import Diversity, Measurement
from dd3g_kedro.ablation.diversity import Variants, picture, summary, variants_of
from dd3g_kedro.ablation.measures import (
    fidelity,
    floaters,
    seeds_of_images,
    spread,
    stray_opacity,
)
from dd3g_kedro.benchmark.comparison import benchmark_handles
from dd3g_kedro.benchmark.scores.names import PSNR_CAP
from dd3g_kedro.core.student.weights import Student
from dd3g_kedro.core.training.quadruple_batches import QuadrupleBatches
from dd3g_kedro.core.types import Gaussians
from dd3g_kedro.factory.distillation import batches_for
from dd3g_kedro.pictures.input_images import pictures_in


def held_out_of(toys: Toys, student: Student) -> QuadrupleBatches:
    pictures = pictures_in(toys.benchmark.held_out_images)
    return batches_for(student.config, toys.benchmark.held_out, pictures)


def disc(size: int = 64) -> torch.Tensor:
    """Alpha of one round silhouette, radius 1/4 of the picture."""
    y, x = torch.meshgrid(*[torch.arange(size) + 0.5] * 2, indexing="ij")
    inside = (y - size / 2) ** 2 + (x - size / 2) ** 2 < (size / 4) ** 2
    return inside.float()[None, None]


def test_a_true_silhouette_leaves_nothing_astray():
    assert stray_opacity(disc(), disc()) == 0


def test_a_blurred_edge_is_no_floater_and_a_blob_far_out_is():
    truth, alphas = disc(), disc()
    alphas[:, :, 32, 48:50] = 1  # two pixels beyond the edge
    assert stray_opacity(alphas, truth) == 0
    alphas[:, :, :4, :4] = 0.5
    outside = 64 * 64 - math.pi * 18**2
    assert stray_opacity(alphas, truth) == pytest.approx(8 / outside, rel=0.05)


def test_opacity_everywhere_is_all_astray():
    assert stray_opacity(torch.ones(1, 1, 64, 64), disc()) == pytest.approx(1)


def test_spread_is_the_standard_deviation():
    views = torch.tensor([0.2, 0.4]).view(2, 1, 1, 1, 1).expand(2, 4, 3, 8, 8)
    assert float(spread(views)) == pytest.approx(0.1 * math.sqrt(2))
    assert float(spread(views[:1].expand(3, -1, -1, -1, -1))) == 0


class Fog(Student):
    """White floaters, invisible over white, whatever the input."""

    def lift(self, input_images: torch.Tensor, seeds: list[int]) -> Gaussians:
        grid = torch.linspace(-0.6, 0.6, 8)
        means = torch.stack(torch.meshgrid(grid, grid, grid, indexing="ij"), -1).reshape(1, -1, 3)
        count = means.shape[1]
        turn = torch.tensor([1.0, 0, 0, 0]).expand(1, count, 4)
        return Gaussians(
            means, torch.full((1, count, 3), -3.1), turn, torch.ones(1, count, 3),
            torch.full((1, count), 0.9),
        )  # fmt: skip


def test_white_floaters_show_over_the_contrasting_colour(toys: Toys):
    config = toys.benchmark.evaluate
    handles = benchmark_handles(toys.benchmark.stored, config)
    plain = floaters(tiny_student(), handles, config, Measurement())
    fog = Fog(tiny_student().generator, tiny_student().config)
    green = floaters(fog, handles, config, Measurement())
    white = floaters(fog, handles, config, Measurement(contrast=(1.0, 1.0, 1.0)))
    for name in plain["stray_opacity"]:
        assert 0 <= plain["stray_opacity"][name] <= 1
        assert green["stray_opacity"][name] > 0.3
        assert white["contrast_psnr"][name] > green["contrast_psnr"][name] + 3


def test_a_student_that_draws_what_its_teacher_draws_gains_all_from_the_noise(toys, monkeypatch):
    module = "dd3g_kedro.ablation.measures.both_views"

    def perfect(_student, batches, rows, _autocast):
        images = batches.decode(rows).quadruples.output_images
        return images + 0.01, images

    monkeypatch.setattr(module, perfect)
    student = tiny_student()
    batches = held_out_of(toys, student)
    scores = fidelity(student, batches, autocast=False)
    for name, value in scores["teacher_psnr"].items():
        assert value == pytest.approx(40, abs=0.01)  # an error of 0.01 everywhere
        other = scores["other_seed_psnr"][name]
        assert other < 30
        assert scores["noise_gain"][name] == pytest.approx(value - other)
        assert scores["student_spread"][name] == pytest.approx(scores["teacher_spread"][name])


def test_images_are_told_by_their_files_name(toys):
    groups = seeds_of_images(held_out_of(toys, tiny_student()))
    assert [name for name, _ in groups] == ["object0", "object1"]
    assert all(len({row.seed for row in rows}) == len(rows) == 2 for _, rows in groups)


def test_variance_maps_agree_with_themselves():
    views = torch.rand(3, 4, 3, 8, 8)
    same = Variants("a", views, views)
    assert same.agreement() == pytest.approx(1)
    still = Variants("a", views[:1].expand(3, -1, -1, -1, -1), views)
    assert still.agreement() == 0
    assert still.spread()["student"] == [0, 0, 0, 0]
    assert picture([still], Diversity()).size == (8 * 96, 4 * 96)


def test_the_students_variants_stand_beside_the_teachers(toys):
    student = tiny_student()
    batches = held_out_of(toys, student)
    found = variants_of(student, batches, autocast=False)
    assert [each.student.shape for each in found] == [(2, 4, 3, SIZE, SIZE)] * 2
    manifest = toys.benchmark.evaluate.manifest
    told = summary(found, manifest)
    assert told["protocol"] == {"id": manifest.id, "digest": manifest.digest}
    assert told["mean"]["teacher_spread"] > 0
    assert set(told["images"]) == {"object0", "object1"}
    one = replace(found[0], teacher=found[0].student + 0.1)
    mean = summary([one], manifest)["mean"]
    assert mean["agreement"] == pytest.approx(1)
    assert mean["teacher_psnr"] == pytest.approx(20, abs=1e-4)  # 0.1 off everywhere
    assert mean["noise_gain"] > 0  # another N's views are farther
    one = replace(found[0], teacher=found[0].student)
    assert summary([one], manifest)["mean"]["teacher_psnr"] == pytest.approx(PSNR_CAP)
