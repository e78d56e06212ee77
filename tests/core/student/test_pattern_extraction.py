from __future__ import annotations

import pytest
import torch
from einops import rearrange

from dd3g_kedro.core.student.config import PatternExtractionConfig
from dd3g_kedro.core.student.pattern_extraction import PatternExtraction

CONFIG = PatternExtractionConfig(
    frames=5,
    noise_channels=4,
    latent_size=6,
    width=16,
    blocks=2,
    head_width=8,
    pattern_channels=10,
)


@pytest.fixture
def extraction(disturbed):
    torch.manual_seed(0)
    return disturbed(PatternExtraction(CONFIG, image_width=12, width=36)).eval()


@pytest.fixture
def inputs():
    torch.manual_seed(1)
    return torch.randn(2, 7, 12), torch.randn(2, 4, 4, 6, 6), torch.randn(2, 4, 6, 6, 6)


def by_frame(tokens):
    return rearrange(tokens, "b (f c) d -> f b c d", f=5)


def test_every_channel_of_every_frame_is_one_token(extraction, inputs):
    assert extraction(*inputs).shape == (2, 5 * 10, 36)


def test_maps_of_the_decoders_width_are_not_projected(extraction):
    assert list(extraction.to_width.parameters()) == []
    projected = PatternExtraction(CONFIG, image_width=12, width=20)
    assert projected.to_width.weight.shape == (20, 36)


def test_permuting_the_views_permutes_their_patterns_and_keeps_the_input_frames(extraction, inputs):
    image_tokens, noise, rays = inputs
    order = torch.tensor([2, 0, 3, 1])
    before = by_frame(extraction(image_tokens, noise, rays))
    after = by_frame(extraction(image_tokens, noise[:, order], rays[:, order]))
    torch.testing.assert_close(after[:4], before[order], atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(after[4], before[4], atol=1e-5, rtol=1e-4)


def test_a_views_noise_reaches_every_other_frame(extraction, inputs):
    image_tokens, noise, rays = inputs
    other = noise.clone()
    other[:, 0] += 1
    before = by_frame(extraction(image_tokens, noise, rays))
    after = by_frame(extraction(image_tokens, other, rays))
    changes = (after - before).abs().amax(dim=(1, 2, 3))
    assert (changes > 1e-3).all()


def test_the_image_guides_the_pattern_and_objects_do_not_mix(extraction, inputs):
    image_tokens, noise, rays = inputs
    other = image_tokens.clone()
    other[0] += 1
    before, after = extraction(image_tokens, noise, rays), extraction(other, noise, rays)
    assert (after[0] - before[0]).abs().max() > 1e-3
    torch.testing.assert_close(after[1], before[1], atol=1e-6, rtol=1e-5)


def test_untrained_blocks_add_nothing_so_that_training_starts_calm(inputs):
    torch.manual_seed(0)
    extraction = PatternExtraction(CONFIG, image_width=12, width=36)
    image_tokens, noise, rays = inputs
    pattern = extraction(image_tokens, noise, rays)
    torch.testing.assert_close(pattern, extraction(image_tokens + 1, noise, rays))
    assert pattern.std() > 0.05  # but noise and rays do pass


@pytest.mark.parametrize("shape", [(2, 5, 4, 6, 6), (2, 4, 8, 6, 6), (2, 4, 4, 8, 8)])
def test_noise_of_another_teacher_is_refused(extraction, inputs, shape):
    rays = torch.randn(2, shape[1], 6, *shape[3:])
    with pytest.raises(ValueError, match="noise must have 4 views of"):
        extraction(inputs[0], torch.randn(shape), rays)
