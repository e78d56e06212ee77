from __future__ import annotations

import math

import torch

from dd3g_kedro.core.objective.opacity import opacity_regularization


def test_opacity_1_over_e_costs_one():
    opacities = torch.full((2, 5), 1 / math.e)
    torch.testing.assert_close(opacity_regularization(opacities), torch.tensor(1.0))


def test_it_is_the_mean_over_gaussians_of_minus_log():
    opacities = torch.tensor([[0.5, 0.25], [1.0, 0.125]])
    expected = math.log(2) * (1 + 2 + 0 + 3) / 4
    torch.testing.assert_close(opacity_regularization(opacities), torch.tensor(expected))


def test_value_and_gradient_stay_finite_where_the_sigmoid_underflows():
    raw = torch.tensor([[-200.0, -95.0, -60.0, 0.0, 200.0]], requires_grad=True)
    loss = opacity_regularization(raw.sigmoid())
    loss.backward()
    assert loss.isfinite()
    assert raw.grad.isfinite().all()


def test_its_gradient_by_the_raw_value_is_opacity_minus_one():
    raw = torch.tensor([[-3.0, 0.0, 2.0]], requires_grad=True)
    opacity_regularization(raw.sigmoid()).backward()
    torch.testing.assert_close(raw.grad, (raw.detach().sigmoid() - 1) / 3)
