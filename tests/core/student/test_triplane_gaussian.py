from __future__ import annotations

import math

import pytest
import torch

from dd3g_kedro.core.student.triplane_gaussian import (
    Split,
    TriplaneGaussian,
    activate_around,
    sample_maps,
    sample_planes,
)


@pytest.fixture
def student(baseline):
    return baseline("smoke", "triplane_gaussian")


@pytest.fixture
def config(student):
    return student.triplane_gaussian


@pytest.fixture
def generator(student, config):
    torch.manual_seed(0)
    return TriplaneGaussian(config, student.elevation_deg, student.rig)


def activated(config, points=None, **given):
    """From zeros but for what is given."""
    sizes = {"offsets": (3,), "log_scales": (3,), "quaternions": (4,), "colors": (3,)}
    sizes["opacities"] = ()
    points = torch.zeros(1, 2, 3) if points is None else points
    values = {name: torch.zeros(*points.shape[:2], *size) for name, size in sizes.items()}
    for name, value in given.items():
        values[name] = values[name] + torch.as_tensor(value)
    return activate_around(points, config, **values)


def test_gaussians_leave_their_points_by_at_most_the_bound(config):
    points = torch.rand(1, 2, 3)
    means = activated(config, points, offsets=[-50.0, 0.4, 50.0]).means
    inner = 2 / (1 + math.exp(-0.4)) - 1
    expected = 0.01875 * torch.tensor([-1.0, inner, 1.0])
    torch.testing.assert_close(means - points, expected.expand(1, 2, 3), atol=1e-7, rtol=1e-4)


def test_scale_is_exp_up_to_the_limit(config):
    scales = activated(config, log_scales=[-5.0, -30.0, 2.0]).log_scales.exp()
    expected = torch.tensor([math.exp(-5), math.exp(-9), 0.2])
    torch.testing.assert_close(scales, expected.expand(1, 2, 3))


def test_colour_and_opacity_are_sigmoids(config):
    for raw in (-200.0, -1.0, 0.0, 2.0, 200.0):
        gaussians = activated(config, colors=raw, opacities=raw)
        exact = 0.5 * (1 + math.tanh(raw / 2))
        torch.testing.assert_close(gaussians.colors, torch.full((1, 2, 3), exact))
        close = {"atol": 2e-6, "rtol": 1e-5}
        torch.testing.assert_close(gaussians.opacities, torch.full((1, 2), exact), **close)
        assert gaussians.opacities.log().isfinite().all()


def test_quaternions_have_length_one_and_keep_their_direction(config):
    raw = torch.tensor([[[3.0, 0.0, -4.0, 0.0], [0.1, 0.1, 0.1, -0.1]]])
    expected = torch.tensor([[[0.6, 0.0, -0.8, 0.0], [0.5, 0.5, 0.5, -0.5]]])
    torch.testing.assert_close(activated(config, quaternions=raw).quaternions, expected)


def test_maps_are_sampled_bilinearly_edge_to_edge():
    ramp = (torch.arange(4) + 0.5)[None, None, None].expand(1, 1, 4, 4)  # its column, at centres
    at = torch.tensor([[[-0.75, 0.0], [0.0, -0.5], [0.3, 0.9], [5.0, 0.0]]])
    expected = torch.tensor([0.5, 2.0, 2.6, 3.5])  # outside: the border
    torch.testing.assert_close(sample_maps(ramp, at)[0, :, 0], expected)
    torch.testing.assert_close(sample_maps(ramp.mT.contiguous(), at.flip(-1))[0, :, 0], expected)


def test_each_plane_is_read_along_its_own_two_axes():
    bound, size = 0.7, 8
    centres = bound * ((torch.arange(size) + 0.5) / size * 2 - 1)
    along, across = centres.expand(size, size), centres[:, None].expand(size, size)
    planes = torch.stack([along, across])[None, None].expand(1, 3, 2, size, size)
    points = torch.tensor([[[0.1, -0.2, 0.3], [-0.5, 0.4, 0.05]]])
    x, y, z = points.unbind(-1)
    expected = torch.stack([x, y, x, z, y, z], dim=-1)
    torch.testing.assert_close(sample_planes(planes, points, bound), expected)


def test_children_stand_beside_each_other_near_their_parent():
    torch.manual_seed(0)
    points, features = torch.randn(2, 5, 3), torch.randn(2, 5, 8)
    children, own = Split(8, 4, reach=0.1)(points, features)
    assert children.shape == (2, 20, 3)
    assert own.shape == (2, 20, 8)
    apart = children.reshape(2, 5, 4, 3) - points[:, :, None]
    assert apart.abs().max() <= 0.1
    assert apart.std(dim=2).min() > 1e-4  # siblings differ


def test_points_see_the_image_where_the_camera_sees_them(generator, config):
    picture = torch.zeros(1, 3, 32, 32)
    picture[:, 0, :, 16:] = 1  # red on the right: the object's left, +y
    picture[:, 1, :16] = 1  # green above
    tokens = torch.zeros(1, config.image_encoder.tokens, config.image_encoder.width)
    tokens[0, 1:, 0] = (torch.arange(16) % 4 >= 2).float()  # patches on the right
    tokens[0, 1:, 1] = (torch.arange(16) < 8).float()  # patches above
    points = torch.tensor([[[0.0, y, z] for y in (-0.3, 0.3) for z in (-0.3, 0.3)]])
    seen = generator.image_at(points, tokens, picture)[0]
    corners = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])  # right, above
    torch.testing.assert_close(seen[:, [0, 1]], corners)
    torch.testing.assert_close(seen[:, [-3, -2]], corners)


def test_points_stay_in_the_planes_cube_whatever_the_weights(generator, config):
    with torch.no_grad():
        generator.to_points.weight.normal_(std=10)
        points = generator.cloud(torch.randn(2, config.points, config.width))
    assert points.shape == (2, 256, 3)
    assert points.abs().max() <= config.bound


def test_planes_keep_their_order_and_their_place(generator, config):
    tokens = torch.zeros(1, 3 * 4 * 4, config.width)
    tokens[0, 1 * 16 + 2 * 4 + 3] = 1  # second plane, third row, last column
    changed = (generator.planes(tokens) - generator.planes(tokens * 0)).abs().sum(dim=2)[0]
    expected = torch.zeros(3, 8, 8, dtype=torch.bool)
    expected[1, 4:6, 6:8] = True
    assert torch.equal(changed > 0, expected)
