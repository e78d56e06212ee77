from __future__ import annotations

import pytest
import torch

from dd3g_kedro.core.geometry.cameras import orbit
from dd3g_kedro.core.geometry.config import CameraRig
from dd3g_kedro.core.geometry.pinhole import front_camera
from dd3g_kedro.core.objective.config import ExplicitSupervision
from dd3g_kedro.core.objective.explicit import explicit_supervision, with_input_view
from dd3g_kedro.core.objective.fidelity import ssim

RIG = CameraRig(radius=1.5, fov_deg=49.1)
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


def test_of_so_many_views_one_is_looked_at_closely_and_each_in_its_turn():
    config = ExplicitSupervision(mse_weight=1.0, perceptual_weight=1.0, detail_every=2)
    images = torch.arange(8.0).view(2, 4, 1, 1, 1).expand(2, 4, 3, 16, 16)
    seen = []
    _, parts = explicit_supervision(
        images, images + 1, config, lambda a, b: seen.append(a) or mean_difference(a, b)
    )
    assert seen[0][:, 0, 0, 0].tolist() == [0, 2, 5, 7]
    torch.testing.assert_close(parts["mse"], torch.tensor(1.0))
    with pytest.raises(ValueError, match=r"\.detail_every must be greater than 0, got 0"):
        ExplicitSupervision(mse_weight=1.0, perceptual_weight=1.0, detail_every=0)


def test_the_inputs_own_view_is_the_input_from_its_own_camera_and_the_others_stay():
    frames = (-90.0, 0.0, 90.0, 180.0)
    targets, given = torch.zeros(2, 4, 3, 8, 8), torch.rand(2, 3, 8, 8)
    turned = torch.tensor(frames) + torch.tensor([[0.0], [30.0]])  # the second object's cameras
    cameras = orbit(turned.deg2rad(), torch.tensor([[5.0] * 4, [12.0] * 4]).deg2rad(), RIG)
    before, front = cameras.world_to_camera.clone(), front_camera(5.0, RIG)
    seen, found = with_input_view(cameras, targets, given, front, frames)
    torch.testing.assert_close(found[:, 1], given)
    assert found[:, [0, 2, 3]].abs().max() == 0
    torch.testing.assert_close(
        seen.world_to_camera[:, 1], front.world_to_camera[:, 0].expand(2, 4, 4)
    )
    others = [0, 2, 3]
    torch.testing.assert_close(seen.world_to_camera[:, others], before[:, others], rtol=0, atol=0)
    assert targets.abs().max() == 0
    torch.testing.assert_close(cameras.world_to_camera, before, rtol=0, atol=0)


def test_without_a_frame_in_front_all_views_stay():
    targets, given = torch.rand(1, 2, 3, 8, 8), torch.rand(1, 3, 8, 8)
    azimuths = torch.tensor([[45.0, 135.0]])
    cameras = orbit(azimuths.deg2rad(), torch.zeros(1, 2), RIG)
    seen, found = with_input_view(cameras, targets, given, front_camera(5.0, RIG), (45.0, 135.0))
    torch.testing.assert_close(found, targets)
    torch.testing.assert_close(seen.world_to_camera, cameras.world_to_camera)


def test_without_weight_the_perceptual_distance_is_not_computed():
    def never(images, targets):
        raise AssertionError

    only_mse = ExplicitSupervision(mse_weight=1.0, perceptual_weight=0.0)
    images = torch.rand(1, 4, 3, 8, 8)
    total, parts = explicit_supervision(images, 1 - images, only_mse, never)
    assert set(parts) == {"mse"}
    torch.testing.assert_close(total, parts["mse"])


def test_structure_costs_what_ssim_lacks_and_asks_for_sharp_pictures():
    config = ExplicitSupervision(mse_weight=0.0, perceptual_weight=0.0, structure_weight=0.3)
    targets = torch.rand(1, 2, 3, 32, 32)
    same, _ = explicit_supervision(targets, targets, config, mean_difference)
    torch.testing.assert_close(same, torch.tensor(0.0), atol=1e-6, rtol=0)
    blurred = torch.nn.functional.avg_pool2d(targets[0], 5, 1, 2)[None]
    total, parts = explicit_supervision(blurred, targets, config, mean_difference)
    torch.testing.assert_close(parts["structure"], 1 - ssim(blurred[0], targets[0]).mean())
    torch.testing.assert_close(total, 0.3 * parts["structure"])
    assert parts["structure"] > 0.3


def test_a_negative_weight_is_refused_by_name():
    with pytest.raises(
        ValueError, match=r"ExplicitSupervision\.mse_weight must be at least 0, got -1"
    ):
        ExplicitSupervision(mse_weight=-1.0, perceptual_weight=0.5)
