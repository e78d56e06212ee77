from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from dd3g_kedro.core.errors import InvalidWeights, MissingWeights
from dd3g_kedro.core.student.config import ImageEncoderConfig
from dd3g_kedro.core.student.image_encoder import ImageEncoder, require_image_encoder_weights

SMALL = ImageEncoderConfig(image_size=32, patch_size=8, width=16, blocks=2, heads=2, mlp_ratio=2)


@pytest.fixture
def released(tmp_path):
    """A folder as the Hub has it: other names inside, a mask token, positions of 48 px."""
    from transformers import Dinov2Config, Dinov2Model

    torch.manual_seed(0)
    settings = Dinov2Config(
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        mlp_ratio=2,
        patch_size=8,
        image_size=48,
    )
    model = Dinov2Model(settings).eval()
    model.save_pretrained(tmp_path / "dinov2")
    config = replace(SMALL, weights=str(tmp_path / "dinov2"), position_size=48, trainable=False)
    return model, config


def test_tokens_are_one_a_patch_and_the_class(smoke):
    torch.manual_seed(0)
    tokens = ImageEncoder(SMALL)(torch.rand(2, 3, 32, 32))
    assert tokens.shape == (2, SMALL.tokens, 16)
    assert SMALL.tokens == 4 * 4 + 1


def test_released_weights_give_dinov2s_own_features(released):
    model, config = released
    image = torch.rand(2, 3, 32, 32)
    mean = torch.tensor([0.485, 0.456, 0.406])[:, None, None]
    deviation = torch.tensor([0.229, 0.224, 0.225])[:, None, None]
    expected = model((image - mean) / deviation).last_hidden_state
    torch.testing.assert_close(ImageEncoder(config)(image), expected)


def test_released_files_carry_the_hubs_names(released):
    from safetensors import safe_open

    _, config = released
    with safe_open(f"{config.weights}/model.safetensors", framework="pt") as stream:
        assert "encoder.layer.0.attention.attention.query.weight" in stream.keys()  # noqa: SIM118


def test_a_frozen_encoder_learns_nothing_and_a_trainable_one_everything(released):
    _, config = released
    assert not any(p.requires_grad for p in ImageEncoder(config).parameters())
    assert all(p.requires_grad for p in ImageEncoder(replace(config, trainable=True)).parameters())


def test_pictures_of_another_size_are_resized(smoke):
    torch.manual_seed(0)
    encoder = ImageEncoder(SMALL)
    colour = torch.tensor([0.2, 0.5, 0.9])[None, :, None, None]
    small, large = colour.expand(1, 3, 32, 32), colour.expand(1, 3, 75, 75)
    torch.testing.assert_close(encoder(small), encoder(large), atol=1e-5, rtol=1e-4)


def test_missing_weights_are_named_with_their_home(tmp_path):
    config = replace(SMALL, weights=str(tmp_path / "dinov2-large"))
    for ask in (ImageEncoder, require_image_encoder_weights):
        with pytest.raises(
            MissingWeights, match=r"dinov2-large: .*huggingface\.co/facebook/dinov2"
        ):
            ask(config)


def test_half_a_download_is_named(released):
    _, config = released
    (Path(config.weights) / "config.json").unlink()
    with pytest.raises(MissingWeights, match=r"config\.json not found"):
        ImageEncoder(config)


def test_weights_of_another_size_are_refused(released):
    _, config = released
    with pytest.raises(InvalidWeights, match=r"its num_hidden_layers is 2, not 3"):
        ImageEncoder(replace(config, blocks=3))


def test_a_cut_off_file_is_refused(released):
    _, config = released
    file = Path(config.weights) / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(InvalidWeights, match="expected the DINOv2 weights"):
        ImageEncoder(config)
