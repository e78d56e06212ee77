import json

import pytest
import torch
from diffusers import AutoencoderKL
from safetensors.torch import load_file

from dd3g_kedro.core.errors import InvalidWeights
from dd3g_kedro.released.autoencoder import (
    LATENT_SCALE,
    RELEASED_AUTOENCODER,
    autoencoder_config,
    autoencoder_from_original,
    original_autoencoder_names,
)

TINY = {**RELEASED_AUTOENCODER, "ch": 32, "ch_mult": [1, 2], "num_res_blocks": 1}


def as_released(autoencoder: AutoencoderKL) -> dict[str, torch.Tensor]:
    weights = autoencoder.state_dict()
    names = original_autoencoder_names(list(weights), 2)
    return {
        old: weights[new][..., None, None]
        if ".mid.attn_1." in old and weights[new].ndim == 2
        else weights[new]
        for new, old in names.items()
    }


def test_released_names_round_trip():
    autoencoder = AutoencoderKL(**autoencoder_config(TINY))
    again = autoencoder_from_original(TINY, as_released(autoencoder)).state_dict()
    ours = autoencoder.state_dict()
    assert all(torch.equal(ours[key], again[key]) for key in ours)


def test_wrong_keys_are_listed():
    weights = as_released(AutoencoderKL(**autoencoder_config(TINY)))
    weights["decoder.up.9.block.0.norm1.bias"] = weights.pop("decoder.up.0.block.0.norm1.bias")
    with pytest.raises(InvalidWeights, match=r"Missing \(1\): decoder.up.0.*Surplus \(1\).*up.9"):
        autoencoder_from_original(TINY, weights)


@pytest.mark.shared
@torch.no_grad()
def test_equals_the_public_implementation(imagedream):
    config = json.loads((imagedream / "vae/config.json").read_text())
    packed = load_file(imagedream / "vae/weights.safetensors")
    weights = {k.removeprefix("vae_model."): v.float() for k, v in packed.items()}
    autoencoder = autoencoder_from_original(config["ddconfig"], weights)
    tensors = load_file(imagedream / "vae/io.safetensors")
    close = {"atol": 5e-6, "rtol": 0}
    posterior = autoencoder.encode(tensors["image"]).latent_dist
    torch.testing.assert_close(posterior.mean, tensors["mean"], **close)
    torch.testing.assert_close(posterior.logvar, tensors["logvar"], **close)
    torch.testing.assert_close(posterior.std, tensors["std"], **close)
    latent = LATENT_SCALE * (posterior.mean + posterior.std * tensors["eps"])
    torch.testing.assert_close(latent, tensors["latent"], **close)
    decoded = autoencoder.decode(tensors["latent"] / LATENT_SCALE).sample
    torch.testing.assert_close(decoded, tensors["decoded"], **close)
    assert autoencoder.config.scaling_factor == config["scale_factor"]


@pytest.mark.shared
def test_names_and_shapes_at_real_size_are_the_released_ones(imagedream):
    keymap = json.loads((imagedream / "keymap_vae.json").read_text())
    shapes = json.loads((imagedream / "ipmv_diffusers_keys.json").read_text())["vae"]
    with torch.device("meta"):
        weights = AutoencoderKL(**autoencoder_config(RELEASED_AUTOENCODER)).state_dict()
    assert {key: list(value.shape) for key, value in weights.items()} == shapes
    names = original_autoencoder_names(list(weights), 4)
    expected = {new: old["ldm"].removeprefix("vae_model.") for new, old in keymap.items()}
    assert names == expected
