from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from dd3g_kedro.core.student.config import Tap
from dd3g_kedro.core.student.progressive_decoding import ProgressiveDecoding, SoftBound

TOKENS = 20


@pytest.fixture
def config(smoke):
    return smoke.pepd.progressive_decoding


@pytest.fixture
def decoding(config, disturbed):
    torch.manual_seed(0)
    return disturbed(ProgressiveDecoding(config, TOKENS))


def test_every_token_gives_its_number_of_gaussians(config):
    gaussians = ProgressiveDecoding(config, TOKENS)(torch.randn(2, TOKENS, config.width))
    assert gaussians.means.shape == (2, TOKENS * config.gaussians_per_token, 3)
    assert gaussians.opacities.shape == (2, TOKENS * config.gaussians_per_token)


def test_an_untrained_student_predicts_a_ball_of_grey_blobs(config):
    torch.manual_seed(0)
    gaussians = ProgressiveDecoding(config, TOKENS)(torch.randn(4, TOKENS, config.width))
    initial = config.initial
    assert gaussians.means.norm(dim=-1).max() < initial.radius + 0.25
    assert gaussians.means.std() > initial.radius / 4
    assert (gaussians.log_scales - initial.log_scale).abs().max() < 0.3
    assert (gaussians.opacities - initial.opacity).abs().max() < 0.1
    assert (gaussians.colors - 0.5).abs().max() < 0.1
    turned = gaussians.quaternions[..., 0].abs()  # cosine of half the angle to no rotation
    assert turned.min() > 0.95


def test_positions_are_decoded_first_and_colours_last(decoding, config):
    tokens = torch.randn(1, TOKENS, config.width)
    before = decoding(tokens)
    with torch.no_grad():
        decoding.blocks[-1].feed_forward[-1].bias += torch.randn(config.width)
    after = decoding(tokens)
    torch.testing.assert_close(after.means, before.means, rtol=0, atol=0)
    assert not torch.allclose(after.colors, before.colors)
    assert not torch.allclose(after.opacities, before.opacities)


def test_a_tap_is_the_weighted_sum_of_its_blocks(decoding):
    decoder = decoding.means
    outputs = [torch.randn(1, TOKENS, 32) for _ in range(4)]
    mixed = 0.15 * outputs[0] + 0.7 * outputs[1] + 0.15 * outputs[2]
    expected = decoder.layers(mixed).unflatten(-1, (-1, 3)).flatten(1, 2)
    torch.testing.assert_close(decoder(outputs), expected, atol=1e-6, rtol=1e-5)


def test_another_order_of_decoding_is_another_configuration(config):
    last = Tap(blocks=(4,), weights=(1.0,))
    taps = replace(config.taps, means=last, log_scales=last, quaternions=last)
    decoding = ProgressiveDecoding(replace(config, taps=taps), TOKENS)
    tokens = torch.randn(1, TOKENS, config.width)
    before = decoding(tokens).means
    with torch.no_grad():
        decoding.blocks[-1].feed_forward[-1].bias += torch.randn(config.width)
    assert not torch.allclose(decoding(tokens).means, before)


@pytest.mark.parametrize("attention", ["plain", "point"])
def test_both_kinds_of_attention_train(config, attention, disturbed):
    torch.manual_seed(0)
    decoding = disturbed(ProgressiveDecoding(replace(config, attention=attention), TOKENS))
    gaussians = decoding(torch.randn(2, TOKENS, config.width))
    loss = sum(getattr(gaussians, name).square().sum() for name in vars(gaussians))
    loss.backward()
    for name, parameter in decoding.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name


def test_attributes_are_float32_and_close_under_bfloat16(decoding, config):
    tokens = torch.randn(2, TOKENS, config.width)
    exact = decoding(tokens)
    with torch.autocast("cpu", torch.bfloat16):
        rounded = decoding(tokens)
    for name in vars(exact):
        assert getattr(rounded, name).dtype == torch.float32
    assert (rounded.means - exact.means).abs().median() < 0.02


def test_positions_do_not_snap_to_a_bfloat16_grid(decoding, config):
    with torch.autocast("cpu", torch.bfloat16):
        means = decoding(torch.randn(1, TOKENS, config.width)).means
    snapped = (means == means.bfloat16().float()).float().mean()
    assert snapped < 0.1


def test_the_soft_bound_is_the_identity_at_the_origin_and_holds_everywhere():
    bound = SoftBound(0.8)
    x = torch.tensor([[[0.0, 0.01, -0.01], [1e4, -1e4, 0.5]]], requires_grad=True)
    bounded = bound(x)
    torch.testing.assert_close(bounded[0, 0], x[0, 0], atol=1e-5, rtol=0)
    assert bounded.abs().max() <= 0.8
    slope = torch.autograd.grad(bounded[0, 0, 0], x)[0][0, 0, 0]
    assert slope == 1


def test_without_a_bound_positions_are_free(config, disturbed):
    free = disturbed(ProgressiveDecoding(replace(config, mean_bound=None), TOKENS))
    with torch.no_grad():
        free.means.layers[-1].bias += 5
    assert free(torch.randn(1, TOKENS, config.width)).means.max() > 3
