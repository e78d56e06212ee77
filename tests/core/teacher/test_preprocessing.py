import pytest
import torch
from einops import rearrange
from safetensors.torch import load_file
from torch import Tensor

from dd3g_kedro.core.objective.background import composite
from dd3g_kedro.core.teacher.preprocessing import (
    autoencoder_pixels,
    clip_pixels,
    normalise_for_clip,
)
from dd3g_kedro.pictures.framing import recentre


def test_pictures_of_the_right_size_are_only_normalised():
    levels = torch.randint(0, 256, (2, 3, 224, 224), generator=torch.Generator().manual_seed(0))
    images = levels / 255
    torch.testing.assert_close(clip_pixels(images), normalise_for_clip(images))
    torch.testing.assert_close(autoencoder_pixels(images, 224), images * 2 - 1)


def test_clip_sees_the_centre_of_a_long_picture():
    images = torch.zeros(1, 3, 32, 96)
    images[..., 32:64] = 1
    assert torch.equal(clip_pixels(images, 32), normalise_for_clip(torch.ones(1, 3, 32, 32)))


@pytest.fixture
def released(imagedream):
    return load_file(imagedream / "preprocess/preprocess.safetensors")


@pytest.fixture
def rgba(released):
    return rearrange(released["rgba"], "h w c -> c h w").float() / 255


def sampled(images):
    return images[0][..., ::4, ::4]


@pytest.mark.shared
def test_lgm_route_equals_the_released_one(released, rgba):
    canvas = recentre(rgba, 300)
    white = composite(canvas[None], torch.ones(1, 3))
    expected = rearrange(released["lgm.white_rgb"], "h w c -> c h w")
    torch.testing.assert_close(sampled(white), expected, atol=1e-6, rtol=0)
    vae = sampled(autoencoder_pixels(white))
    torch.testing.assert_close(vae, released["lgm.vae_input"], atol=1e-6, rtol=0)
    clip = sampled(clip_pixels(white))
    torch.testing.assert_close(clip, released["lgm.clip_pixel_values"], atol=1e-6, rtol=0)


def composite_bytedance(rgba: Tensor, background: Tensor) -> Tensor:
    """ByteDance's compositing: computed and truncated on the scale of 8 bits."""
    levels, alpha = rgba[:, :3] * 255, rgba[:, 3:]
    mixed = levels * alpha + background[:, :, None, None] * 255 * (1 - alpha)
    return mixed.floor() / 255


@pytest.mark.shared
def test_bytedance_route_equals_the_released_one(released, rgba):
    grey = released["bytedance.background_value"].expand(1, 3) / 255
    images = composite_bytedance(rgba[None], grey)
    levels = (rearrange(sampled(images), "c h w -> h w c") * 255).to(torch.uint8)
    assert torch.equal(levels, released["bytedance.rgb"])
    clip = sampled(clip_pixels(images))
    torch.testing.assert_close(clip, released["bytedance.clip_pixel_values"], atol=1e-6, rtol=0)
