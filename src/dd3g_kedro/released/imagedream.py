"""ImageDream's released U-Net: its names, mapped to ours and back."""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from torch import Tensor

from dd3g_kedro.core.config_building import build
from dd3g_kedro.core.teacher.config import UNetConfig
from dd3g_kedro.core.teacher.state_dicts import check_keys
from dd3g_kedro.core.teacher.unet import MultiViewUNet

# Switches of the released configuration files that do not change the network.
_WITHOUT_EFFECT = {
    "use_spatial_transformer",
    "use_linear_in_transformer",
    "legacy",
    "use_checkpoint",
    "use_fp16",
    "with_ip",
    "ip_mode",
    "dropout",
}
_RESNET = {
    "in_layers.0": "norm1",
    "in_layers.2": "conv1",
    "emb_layers.1": "time_emb_proj",
    "out_layers.0": "norm2",
    "out_layers.3": "conv2",
    "skip_connection": "conv_shortcut",
}
_EMBEDDINGS_AND_ENDS = {
    "time_embed.0": "time_embedding.linear_1",
    "time_embed.2": "time_embedding.linear_2",
    "camera_embed.0": "class_embedding.linear_1",
    "camera_embed.2": "class_embedding.linear_2",
    "input_blocks.0.0": "conv_in",
    "out.0": "conv_norm_out",
    "out.2": "conv_out",
}


def unet_config(config: Mapping) -> UNetConfig:
    """Read a released configuration (`unet/config.json`, or the yaml's `params`).

    Raises:
        ValueError: a key is unknown, or a value impossible; the message names it.
    """
    given = {k: v for k, v in config.items() if not k.startswith("_") and k not in _WITHOUT_EFFECT}
    return build(UNetConfig, given, "unet")


def _resnet(old: str, new: str) -> dict[str, str]:
    return {f"{old}.{o}": f"{new}.{n}" for o, n in _RESNET.items()}


def _module_names(config: UNetConfig) -> dict[str, str]:
    """Released module -> module in diffusers' U-Net; longer names first never clash."""
    names = dict(_EMBEDDINGS_AND_ENDS)
    levels, blocks = len(config.channels), config.num_res_blocks
    index = 1
    for level, attends in enumerate(config.attends):
        for block in range(blocks):
            names |= _resnet(f"input_blocks.{index}.0", f"down_blocks.{level}.resnets.{block}")
            if attends:
                names[f"input_blocks.{index}.1"] = f"down_blocks.{level}.attentions.{block}"
            index += 1
        if level < levels - 1:
            names[f"input_blocks.{index}.0.op"] = f"down_blocks.{level}.downsamplers.0.conv"
            index += 1
    names |= _resnet("middle_block.0", "mid_block.resnets.0")
    names["middle_block.1"] = "mid_block.attentions.0"
    names |= _resnet("middle_block.2", "mid_block.resnets.1")
    for level, attends in enumerate(reversed(config.attends)):
        for block in range(blocks + 1):
            old = f"output_blocks.{level * (blocks + 1) + block}"
            names |= _resnet(f"{old}.0", f"up_blocks.{level}.resnets.{block}")
            if attends:
                names[f"{old}.1"] = f"up_blocks.{level}.attentions.{block}"
        if level < levels - 1:
            up = f"{old}.{2 if attends else 1}.conv"
            names[up] = f"up_blocks.{level}.upsamplers.0.conv"
    return names


def original_names(config: UNetConfig, ours: list[str]) -> dict[str, str]:
    """Our parameter names -> the released names."""
    originals = {new: old for old, new in _module_names(config).items()}
    result = {}
    for name in ours:
        bare = name.removeprefix("network.")
        if bare == name:  # the Resampler keeps its names
            result[name] = name
            continue
        # the longest of our module names that the parameter lies in
        parts = bare.split(".")
        prefix = next(
            ".".join(parts[:n])
            for n in range(len(parts), 0, -1)
            if ".".join(parts[:n]) in originals
        )
        rest = bare[len(prefix) :]
        result[name] = originals[prefix] + re.sub(r"\.processor\.(to_[kv]_ip)", r".\1", rest)
    return result


def unet_from_original(config: Mapping, state_dict: Mapping[str, Tensor]) -> MultiViewUNet:
    """Build our U-Net from a released configuration and state dict (bare names), in float32.

    The weights are copied.

    Raises:
        ValueError: the configuration has unknown keys or impossible values.
        InvalidWeights: names or shapes do not fit the configuration; lists them.
    """
    with torch.device("meta"):
        unet = MultiViewUNet(unet_config(config))
    own = unet.state_dict()
    names = original_names(unet.config, list(own))
    expected = {names[key]: value.shape for key, value in own.items()}
    check_keys("U-Net weights", expected, {key: v.shape for key, v in state_dict.items()})
    weights = {
        key: state_dict[original].to(torch.float32, copy=True) for key, original in names.items()
    }
    unet.load_state_dict(weights, assign=True)
    return unet.eval()
