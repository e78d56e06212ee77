"""The VAE: the released LDM names, mapped to diffusers' `AutoencoderKL`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from torch import Tensor

from dd3g_kedro.core.teacher.state_dicts import check_keys

LATENT_SCALE = 0.18215
RELEASED_AUTOENCODER: dict[str, Any] = {
    "resolution": 256,
    "in_channels": 3,
    "out_ch": 3,
    "ch": 128,
    "ch_mult": [1, 2, 4, 4],
    "num_res_blocks": 2,
    "z_channels": 4,
}
_RENAMED = [  # diffusers -> LDM, in this order
    (r"\.mid_block\.resnets\.0", ".mid.block_1"),
    (r"\.mid_block\.resnets\.1", ".mid.block_2"),
    (r"\.mid_block\.attentions\.0\.group_norm", ".mid.attn_1.norm"),
    (r"\.mid_block\.attentions\.0\.to_([qkv])", r".mid.attn_1.\1"),
    (r"\.mid_block\.attentions\.0\.to_out\.0", ".mid.attn_1.proj_out"),
    (r"\.(down|up)_blocks\.(\d+)\.resnets\.(\d+)", r".\1.\2.block.\3"),
    (r"\.(down|up)_blocks\.(\d+)\.(down|up)samplers\.0", r".\1.\2.\3sample"),
    (r"\.conv_norm_out", ".norm_out"),
    (r"\.conv_shortcut", ".nin_shortcut"),
]
_POINTWISE = re.compile(r"\.mid\.attn_1\.(q|k|v|proj_out)\.weight$")  # 1x1 convolutions there


def autoencoder_config(ddconfig: Mapping[str, Any]) -> dict[str, Any]:
    """diffusers' configuration of an LDM `ddconfig`."""
    channels = tuple(int(ddconfig["ch"] * factor) for factor in ddconfig["ch_mult"])
    return {
        "sample_size": ddconfig["resolution"],
        "in_channels": ddconfig["in_channels"],
        "out_channels": ddconfig["out_ch"],
        "block_out_channels": channels,
        "layers_per_block": ddconfig["num_res_blocks"],
        "latent_channels": ddconfig["z_channels"],
        "down_block_types": ("DownEncoderBlock2D",) * len(channels),
        "up_block_types": ("UpDecoderBlock2D",) * len(channels),
        "scaling_factor": LATENT_SCALE,
    }


def original_autoencoder_names(names: Sequence[str], levels: int) -> dict[str, str]:
    """diffusers' names -> LDM names; LDM counts the decoder's levels from the finest."""
    result = {}
    for name in names:
        old = name
        for pattern, replacement in _RENAMED:
            old = re.sub(pattern, replacement, old)
        result[name] = re.sub(r"\.up\.(\d+)", lambda m: f".up.{levels - 1 - int(m[1])}", old)
    return result


def autoencoder_from_original(
    ddconfig: Mapping[str, Any], state_dict: Mapping[str, Tensor]
) -> AutoencoderKL:
    """Build the VAE from a released configuration and state dict (bare LDM names), in float32.

    Raises:
        InvalidWeights: names or shapes do not fit the configuration; lists them.
    """
    with torch.device("meta"):
        autoencoder = AutoencoderKL(**autoencoder_config(ddconfig))
    own = autoencoder.state_dict()
    names = original_autoencoder_names(list(own), len(ddconfig["ch_mult"]))
    expected = {
        old: torch.Size([*own[new].shape, 1, 1]) if _POINTWISE.search(old) else own[new].shape
        for new, old in names.items()
    }
    check_keys("VAE weights", expected, {key: value.shape for key, value in state_dict.items()})
    weights = {new: state_dict[old].reshape(own[new].shape).float() for new, old in names.items()}
    autoencoder.load_state_dict(weights, assign=True)
    return autoencoder.eval()
