import json

import pytest
import torch
from safetensors.torch import load_file
from transformers import CLIPTextModel, CLIPVisionModel

from dd3g_kedro.core.errors import InvalidWeights
from dd3g_kedro.core.teacher.clip import image_tokens
from dd3g_kedro.released.clip import (
    RELEASED_CLIP,
    image_encoder_from_original,
    original_clip_name,
    prompt_tokens,
    text_config,
    text_encoder_from_original,
    text_tokens,
    vision_config,
)


def test_the_empty_prompt_needs_no_tokenizer_but_words_do():
    assert prompt_tokens("")[0, :3].tolist() == [49406, 49407, 0]
    with pytest.raises(ValueError, match="without a tokenizer"):
        prompt_tokens("a chair")


def test_words_are_padded_with_zeros():
    """transformers pads with the end token where its files do not say otherwise."""

    def tokenizer(prompt, max_length, truncation):
        return {"input_ids": [49406, 320, 49407]}

    assert prompt_tokens("a", tokenizer, 5).tolist() == [[49406, 320, 49407, 0, 0]]


@pytest.fixture
def released(imagedream):
    config = json.loads((imagedream / "clip/config.json").read_text())["open_clip_config"]
    packed = load_file(imagedream / "clip/weights.safetensors")
    weights = {k.removeprefix("clip_model.model."): v.float() for k, v in packed.items()}
    return config, weights, load_file(imagedream / "clip/io.safetensors")


@pytest.mark.shared
def test_context_equals_open_clip(released):
    config, weights, tensors = released
    encoder = text_encoder_from_original(config, weights)
    context = text_tokens(encoder, tensors["tokens"])
    torch.testing.assert_close(context, tensors["context"], atol=2e-6, rtol=0)


@pytest.mark.shared
def test_image_tokens_equal_open_clip(released):
    config, weights, tensors = released
    encoder = image_encoder_from_original(config, weights)
    tokens = image_tokens(encoder, tensors["pixel_values"])
    torch.testing.assert_close(tokens, tensors["image_tokens"], atol=2e-6, rtol=0)


@pytest.mark.shared
def test_missing_keys_are_listed(released):
    config, weights, _ = released
    del weights["visual.ln_pre.bias"]
    with pytest.raises(InvalidWeights, match=r"CLIP image encoder.*Missing \(1\): pre_layrnorm"):
        image_encoder_from_original(config, weights)


@pytest.mark.shared
def test_empty_prompt_is_tokenised_as_released(imagedream):
    released = json.loads((imagedream / "clip/tokens.json").read_text())["empty"]
    assert prompt_tokens("")[0].tolist() == released["ids"]


@pytest.mark.shared
@pytest.mark.parametrize(
    ("part", "prefix", "build", "config"),
    [
        ("text_encoder", "text_model.", CLIPTextModel, text_config),
        ("image_encoder", "vision_model.", CLIPVisionModel, vision_config),
    ],
)
def test_names_and_shapes_at_real_size_are_the_released_ones(
    imagedream, part, prefix, build, config
):
    keymap = json.loads((imagedream / "keymap_clip.json").read_text())[part]
    shapes = json.loads((imagedream / "ipmv_diffusers_keys.json").read_text())[part]
    with torch.device("meta"):
        own = build(config(RELEASED_CLIP)).state_dict()
    assert {prefix + key: list(value.shape) for key, value in own.items()} == shapes
    names = {prefix + key: original_clip_name(key, vision=part == "image_encoder") for key in own}
    assert names == {k: v["ldm"].removeprefix("clip_model.model.") for k, v in keymap.items()}
