from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from dd3g_kedro.core.student.pepd import PD, PEPD
from dd3g_kedro.core.student.weights import Student, build_empty_generator


def parameters(module):
    return sum(parameter.numel() for parameter in module.parameters())


def inputs(config, batch=2, seed=0):
    torch.manual_seed(seed)
    size = config.latent_size
    return (
        torch.rand(batch, 3, config.image_size, config.image_size),
        torch.randn(batch, 4, config.latent_channels, size, size),
        torch.randn(batch, 4, 6, size, size),
    )


def test_the_papers_student_has_its_size_without_being_computed(configs):
    config = configs["paper"]
    encoder = replace(config.pepd.image_encoder, weights=None, trainable=True)
    with torch.device("meta"):
        pepd = PEPD.from_config(
            replace(config.pepd, image_encoder=encoder), config.elevation_deg, config.rig
        )
        tokens = pepd.image_encoder(torch.empty(1, 3, 256, 256))
        patterns = pepd.pattern_extraction(
            tokens, torch.empty(1, 4, 4, 32, 32), torch.empty(1, 4, 6, 32, 32)
        )
        gaussians = pepd(*inputs(config, batch=1))
    assert tokens.shape == (1, 257, 1024)
    assert patterns.shape == (1, 50, 1024)  # no projection: 32 x 32 cells
    assert gaussians.means.shape == (1, 157_184, 3)
    assert parameters(pepd.image_encoder) == 304_368_640 - 1_024  # ViT-L/14, its mask token off
    assert parameters(pepd.pattern_extraction) == 16_224_970
    assert parameters(pepd.progressive_decoding) == 164_037_632


def test_the_base_student_stays_under_26_million_parameters(configs):
    with torch.device("meta"):
        assert parameters(build_empty_generator(configs["base"])) < 26_000_000


def test_tokens_are_the_images_then_the_patterns(smoke, replace_pepd):
    student, seen = Student.from_config(replace_pepd(smoke, rays=None, window=None), seed=0), {}
    student.generator.progressive_decoding.register_forward_pre_hook(
        lambda _, arguments: seen.update(tokens=arguments[0])
    )
    image, noise, rays = inputs(smoke)
    student(image, noise, rays)
    pepd = student.generator
    image_tokens = pepd.image_encoder(image)
    expected = torch.cat([image_tokens, pepd.pattern_extraction(image_tokens, noise, rays)], dim=1)
    torch.testing.assert_close(seen["tokens"], expected)


def test_noise_rays_and_image_all_change_the_object(student, smoke, disturbed):
    disturbed(student)
    values = inputs(smoke)
    before = student(*values)
    for index in range(3):
        other = list(values)
        other[index] = other[index].flip(0)
        assert not torch.allclose(student(*other).means, before.means)


def test_objects_of_a_batch_do_not_mix(student, smoke, disturbed):
    disturbed(student)
    values = inputs(smoke)
    together = student(*values)
    alone = student(*(value[1:] for value in values))
    torch.testing.assert_close(together.means[1:], alone.means, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(together.colors[1:], alone.colors, atol=1e-5, rtol=1e-4)


def test_every_parameter_takes_part(student, smoke):
    gaussians = student(*inputs(smoke))
    sum(getattr(gaussians, name).square().sum() for name in vars(gaussians)).backward()
    learnt = [(name, p) for name, p in student.named_parameters() if p.requires_grad]
    assert [name for name, p in learnt if p.grad is None] == []
    kept = {name for name, p in student.named_parameters() if not p.requires_grad}
    assert kept and all("imagenet.features" in name for name in kept)


def test_without_pattern_extraction_the_noise_is_ignored(smoke, replace_pepd):
    config = replace_pepd(smoke, pattern_extraction=None)
    student = Student.from_config(config, seed=0)
    assert isinstance(student.generator, PD)
    image, noise, rays = inputs(config)
    first, second = student(image, noise, rays), student(image, noise + 1, rays)
    torch.testing.assert_close(first.means, second.means, rtol=0, atol=0)
    assert first.means.shape[1] == config.pepd.gaussians == 17 * 6


@pytest.mark.parametrize("attention", ["plain", "point"])
def test_one_object_can_be_learnt_by_heart(smoke, replace_pepd, attention):
    decoding = replace(smoke.pepd.progressive_decoding, attention=attention)
    student = Student.from_config(replace_pepd(smoke, progressive_decoding=decoding), seed=0)
    values = inputs(smoke, batch=1)
    gaussians = smoke.pepd.gaussians
    means = 0.3 * torch.nn.functional.normalize(torch.randn(1, gaussians, 3), dim=-1)
    colors = torch.rand(1, gaussians, 3)
    optimizer = torch.optim.Adam(student.parameters(), lr=5e-3)
    losses = []
    for _ in range(60):
        lifted = student(*values)
        loss = (lifted.means - means).square().mean() + (lifted.colors - colors).square().mean()
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert losses[-1] < losses[0] / 4
