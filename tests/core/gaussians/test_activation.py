import math

import pytest
import torch

from dd3g_kedro.core.gaussians.activation import activate, unit_quaternions


def raw(value, count=1):
    return [torch.full((1, count, width), value) for width in (3, 3, 4, 3)] + [
        torch.full((1, count), value)
    ]


def test_zero_features_give_the_middle_of_every_range():
    gaussians = activate(*raw(0.0))
    assert torch.equal(gaussians.means, torch.zeros(1, 1, 3))
    assert torch.equal(gaussians.log_scales, torch.full((1, 1, 3), -6.0))
    assert torch.equal(gaussians.colors, torch.full((1, 1, 3), 0.5))
    torch.testing.assert_close(gaussians.opacities, torch.full((1, 1), 0.5))
    assert gaussians.quaternions.tolist() == [[[1, 0, 0, 0]]]  # of no length: no rotation


def test_scales_lie_in_the_papers_range():
    smallest, largest = (activate(*raw(x)).log_scales[0, 0, 0].item() for x in (-200.0, 200.0))
    assert (smallest, largest) == (-9, -3)
    assert math.exp(smallest) == pytest.approx(1.2e-4, rel=0.03)
    assert math.exp(largest) == pytest.approx(0.0498, rel=0.001)


def test_attributes_are_the_written_formulas():
    features = [torch.randn(2, 7, width) for width in (3, 3, 4, 3)] + [torch.randn(2, 7)]
    found = activate(*features)
    means, scales, quaternions, colors, opacities = (part.double() for part in features)
    expected = {
        "means": means,
        "log_scales": -9 + 6 / (1 + (-scales).exp()),
        "quaternions": quaternions / quaternions.norm(dim=-1, keepdim=True),
        "colors": 1 / (1 + (-colors).exp()),
        "opacities": 1 / (1 + (-opacities).exp()),
    }
    for name, value in expected.items():
        found_value = getattr(found, name).double()
        torch.testing.assert_close(found_value, value, rtol=1e-6, atol=2e-6)


@pytest.mark.parametrize("value", [-1e4, -30.0, 30.0, 1e4])
def test_opacity_stays_inside_the_open_interval(value):
    opacity = activate(*raw(value)).opacities
    assert 0 < opacity.item() < 1
    assert opacity.log().isfinite().all()
    assert (1 - opacity).log().isfinite().all()


def test_vanished_gaussians_still_feel_the_opacity_term():
    feature = torch.full((1, 1), -12.0, requires_grad=True)
    opacities = activate(*raw(0.0)[:4], feature).opacities
    (-opacities.log()).sum().backward()
    assert feature.grad.item() < -0.5


def test_quaternions_have_length_one_and_finite_gradients():
    quaternions = torch.tensor(
        [[0.0] * 4, [1e-30] * 4, [1e-3] * 4, [3.0, -4.0, 0.0, 0.0], [1e15] * 4]
    )
    quaternions.requires_grad_()
    unit = unit_quaternions(quaternions)
    torch.testing.assert_close(unit.norm(dim=-1), torch.ones(5))
    assert unit[3].tolist() == pytest.approx([0.6, -0.8, 0, 0])
    unit[:, 1].sum().backward()
    assert quaternions.grad.isfinite().all()
    assert not quaternions.grad[:2].any()


def test_half_precision_features_are_activated_in_float32():
    features = [part.bfloat16() for part in raw(0.3)]
    gaussians = activate(*features)
    assert {value.dtype for value in vars(gaussians).values()} == {torch.float32}
    expected = activate(*(part.float() for part in features))
    assert torch.equal(gaussians.log_scales, expected.log_scales)
