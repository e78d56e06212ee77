"""Metrics are what they say, and what cannot be computed is never another number."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from tests.known_objects import SIZE, drawing

from dd3g_kedro.benchmark.config import LpipsWeights
from dd3g_kedro.benchmark.scores.names import LOOKS, METRICS, PSNR_CAP
from dd3g_kedro.benchmark.scores.scoring import Scorer
from dd3g_kedro.core import imagenet_features
from dd3g_kedro.core.errors import MissingWeights
from dd3g_kedro.core.objective.background import composite

CPU = torch.device("cpu")


@pytest.fixture
def targets() -> torch.Tensor:
    return torch.stack([drawing(0), drawing(1)])


def on_grey(rgba: torch.Tensor, grey: float) -> torch.Tensor:
    return composite(rgba, torch.full((len(rgba), 3), grey))


@pytest.mark.parametrize("grey", [1.0, 0.3])
def test_the_truth_itself_scores_the_cap_and_one(targets, grey):
    scores = Scorer(LpipsWeights(), grey, CPU)(on_grey(targets, grey), targets)
    assert scores["psnr"] == pytest.approx([PSNR_CAP] * 2)
    assert scores["foreground_psnr"] == pytest.approx([PSNR_CAP] * 2)
    assert scores["ssim"] == pytest.approx([1, 1], abs=1e-5)


def test_the_cap_is_the_error_of_rounding_to_eight_bits():
    generator = torch.Generator().manual_seed(0)
    values = torch.rand(400_000, generator=generator, dtype=torch.float64)
    error = (values - (values * 255).round() / 255).square().mean()
    assert pytest.approx(-10 * math.log10(error), abs=0.02) == PSNR_CAP


def test_a_constant_error_has_its_closed_form(targets):
    targets[:, :3] *= 0.9
    scores = Scorer(LpipsWeights(), 0.5, CPU)(on_grey(targets, 0.5) + 0.1, targets)
    assert scores["psnr"] == pytest.approx([20, 20], abs=1e-3)


def test_foreground_psnr_ignores_the_background(targets):
    images = on_grey(targets, 1.0)
    images[:, :, :4] = 0  # nothing of the object is there
    scores = Scorer(LpipsWeights(), 1.0, CPU)(images, targets)
    assert scores["foreground_psnr"] == pytest.approx([PSNR_CAP] * 2)
    assert max(scores["psnr"]) < 15


def test_pixels_beyond_the_range_count_as_its_ends(targets):
    scorer = Scorer(LpipsWeights(), 1.0, CPU)
    images = on_grey(targets, 1.0)
    assert scorer(images + (images == 1) * 3, targets)["psnr"] == scorer(images, targets)["psnr"]


def test_lpips_without_weights_is_not_a_number_and_says_why(targets, tmp_path):
    scorer = Scorer(LpipsWeights(vgg=tmp_path / "vgg.pth"), 1.0, CPU)
    scores = scorer(on_grey(targets, 1.0), targets)
    assert tuple(scores) == (*METRICS, *LOOKS)
    for name in ("lpips_vgg", "lpips_alex"):
        assert all(math.isnan(value) for value in scores[name])
    assert "vgg.pth" in scorer.missing["lpips_vgg"]
    assert "evaluate.lpips.alex" in scorer.missing["lpips_alex"]


def test_required_weights_stop_at_once(tmp_path):
    weights = LpipsWeights(vgg=tmp_path / "vgg.pth")
    with pytest.raises(MissingWeights, match=r"vgg\.pth"):
        Scorer(replace(weights, required=True), 1.0, CPU)


def test_a_pixel_that_is_not_finite_is_an_error(targets):
    images = on_grey(targets, 1.0)
    images[1, 2, SIZE // 2, 0] = math.nan
    with pytest.raises(ValueError, match="NaN or infinity"):
        Scorer(LpipsWeights(), 1.0, CPU)(images, targets)


def test_a_blurred_picture_is_less_sharp_and_farther_by_its_features(targets):
    scorer = Scorer(LpipsWeights(), 1.0, CPU)
    exact = on_grey(targets, 1.0)
    blurred = torch.nn.functional.avg_pool2d(exact, 3, 1, 1, count_include_pad=False)
    same, other = scorer(exact, targets), scorer(blurred, targets)
    assert same["sharpness"] == pytest.approx([1.0] * len(targets))
    assert max(same["imagenet_distance"]) < 1e-5
    assert max(other["sharpness"]) < 0.7
    assert min(other["imagenet_distance"]) > 0.01


def test_where_the_imagenet_wheel_is_missing_its_distance_is_a_dash(targets, monkeypatch):
    monkeypatch.setattr(imagenet_features, "find_spec", lambda _: None)
    scorer = Scorer(LpipsWeights(), 1.0, CPU)
    scores = scorer(on_grey(targets, 1.0), targets)
    assert all(math.isnan(value) for value in scores["imagenet_distance"])
    assert "pip install" in scorer.missing["imagenet_distance"]
