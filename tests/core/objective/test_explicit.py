from __future__ import annotations

import pytest
import torch

from dd3g_kedro.core.objective.config import ExplicitSupervision
from dd3g_kedro.core.objective.explicit import explicit_supervision

PAPER = ExplicitSupervision(mse_weight=0.5, perceptual_weight=0.5)


def mean_difference(images, targets):
    return (images - targets).abs().mean(dim=(1, 2, 3))


def test_a_constant_offset_costs_its_square_and_its_distance():
    targets = torch.rand(2, 4, 3, 8, 8)
    total, parts = explicit_supervision(targets + 0.1, targets, PAPER, mean_difference)
    torch.testing.assert_close(parts["mse"], torch.tensor(0.01))
    torch.testing.assert_close(parts["perceptual"], torch.tensor(0.1))
    torch.testing.assert_close(total, torch.tensor(0.5 * 0.01 + 0.5 * 0.1))


def test_equal_pictures_cost_nothing():
    images = torch.rand(1, 4, 3, 8, 8)
    assert explicit_supervision(images, images, PAPER, mean_difference)[0] == 0


def test_every_view_is_compared_with_its_own_target():
    images = torch.rand(2, 4, 3, 8, 8)
    seen = []
    explicit_supervision(
        images, images + 1, PAPER, lambda a, b: seen.append(b - a) or mean_difference(a, b)
    )
    torch.testing.assert_close(seen[0], torch.ones(8, 3, 8, 8))


def test_without_weight_the_perceptual_distance_is_not_computed():
    def never(images, targets):
        raise AssertionError

    only_mse = ExplicitSupervision(mse_weight=1.0, perceptual_weight=0.0)
    images = torch.rand(1, 4, 3, 8, 8)
    total, parts = explicit_supervision(images, 1 - images, only_mse, never)
    assert set(parts) == {"mse"}
    torch.testing.assert_close(total, parts["mse"])


def test_a_negative_weight_is_refused_by_name():
    with pytest.raises(
        ValueError, match=r"ExplicitSupervision\.mse_weight must be at least 0, got -1"
    ):
        ExplicitSupervision(mse_weight=-1.0, perceptual_weight=0.5)
