from __future__ import annotations

import pytest
import torch
from torch import nn

from dd3g_kedro.core.objective.perceptual import feature_distance


@pytest.fixture
def encoder():
    torch.manual_seed(0)
    first, second = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 16, 3, stride=2, padding=1)

    def features(images):
        shallow = first(images)
        return [shallow, second(shallow.relu())]

    return features


def test_a_picture_is_at_no_distance_from_itself(encoder):
    images = torch.rand(3, 3, 16, 16)
    distance = feature_distance(encoder)(images, images)
    torch.testing.assert_close(distance, torch.zeros(3))


def test_it_is_symmetric_and_positive(encoder):
    first, second = torch.rand(2, 3, 3, 16, 16)
    distance = feature_distance(encoder)
    torch.testing.assert_close(distance(first, second), distance(second, first))
    assert (distance(first, second) > 0).all()


def test_orthogonal_features_are_2_apart_and_opposite_ones_4():
    up, right = torch.tensor([0.0, 1.0, 0.0]), torch.tensor([1.0, 0.0, 0.0])
    distance = feature_distance(lambda images: [5 * images, 0.3 * images])
    picture = {name: v[None, :, None, None].expand(1, 3, 4, 4) for name, v in
               {"up": up, "right": right, "down": -up}.items()}  # fmt: skip
    torch.testing.assert_close(distance(picture["up"], picture["right"]), torch.tensor([2.0]))
    torch.testing.assert_close(distance(picture["up"], picture["down"]), torch.tensor([4.0]))


def test_only_the_renderings_get_gradients_and_they_are_finite_at_zero_features():
    images = torch.zeros(1, 3, 4, 4, requires_grad=True)
    targets = torch.rand(1, 3, 4, 4, requires_grad=True)
    feature_distance(lambda pictures: [pictures])(images, targets).sum().backward()
    assert images.grad.isfinite().all()
    assert targets.grad is None


def test_its_gradient_equals_finite_differences(encoder):
    images, targets = torch.rand(2, 1, 3, 6, 6)
    images.requires_grad_()
    distance = feature_distance(encoder)
    distance(images, targets).sum().backward()
    with torch.no_grad():
        step = torch.zeros_like(images)
        step[0, 1, 2, 3] = 1e-2
        slope = (distance(images + step, targets) - distance(images - step, targets)) / 2e-2
    torch.testing.assert_close(images.grad[0, 1, 2, 3], slope[0], rtol=2e-2, atol=1e-5)
