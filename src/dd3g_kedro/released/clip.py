"""CLIP ViT-H/14: OpenCLIP's names, mapped to transformers' text and vision models."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from transformers import CLIPTextConfig, CLIPTextModel, CLIPVisionConfig, CLIPVisionModel

from dd3g_kedro.core.teacher.state_dicts import load_exactly

RELEASED_CLIP: dict[str, Any] = {
    "vision_cfg": {
        "image_size": 224,
        "layers": 32,
        "width": 1280,
        "head_width": 80,
        "patch_size": 14,
    },
    "text_cfg": {
        "context_length": 77,
        "vocab_size": 49408,
        "width": 1024,
        "heads": 16,
        "layers": 24,
    },
}
_START, _END, _PAD = 49406, 49407, 0
_COMMON = [  # transformers -> OpenCLIP, in this order
    (r"encoder\.layers\.", "transformer.resblocks."),
    (r"\.layer_norm([12])", r".ln_\1"),
    (r"\.mlp\.fc1", ".mlp.c_fc"),
    (r"\.mlp\.fc2", ".mlp.c_proj"),
    (r"\.self_attn\.out_proj", ".attn.out_proj"),
    (r"\.self_attn\.[qkv]_proj\.", ".attn.in_proj_"),
]
_TEXT = [
    (r"^embeddings\.token_embedding", "token_embedding"),
    (r"^embeddings\.position_embedding\.weight", "positional_embedding"),
    (r"^final_layer_norm", "ln_final"),
]
_VISION = [
    (r"^embeddings\.position_embedding\.weight", "positional_embedding"),
    (r"^embeddings\.class_embedding", "class_embedding"),
    (r"^embeddings\.patch_embedding", "conv1"),
    (r"^pre_layrnorm", "ln_pre"),
    (r"^post_layernorm", "ln_post"),
]
_THIRD = re.compile(r"\.self_attn\.([qkv])_proj\.")


def text_config(clip: Mapping[str, Any]) -> CLIPTextConfig:
    """transformers' configuration of the text tower, without its last block."""
    text = clip["text_cfg"]
    return CLIPTextConfig(
        vocab_size=text["vocab_size"],
        hidden_size=text["width"],
        intermediate_size=4 * text["width"],
        num_hidden_layers=text["layers"] - 1,
        num_attention_heads=text["heads"],
        max_position_embeddings=text["context_length"],
        hidden_act="gelu",
        bos_token_id=0,
        pad_token_id=1,
        eos_token_id=2,
    )


def vision_config(clip: Mapping[str, Any]) -> CLIPVisionConfig:
    """transformers' configuration of the vision tower."""
    vision = clip["vision_cfg"]
    return CLIPVisionConfig(
        hidden_size=vision["width"],
        intermediate_size=4 * vision["width"],
        num_hidden_layers=vision["layers"],
        num_attention_heads=vision["width"] // vision["head_width"],
        image_size=vision["image_size"],
        patch_size=vision["patch_size"],
        hidden_act="gelu",
    )


def original_clip_name(name: str, vision: bool) -> str:
    """OpenCLIP's name of a parameter of transformers' text or vision model."""
    for pattern, replacement in [*_COMMON, *(_VISION if vision else _TEXT)]:
        name = re.sub(pattern, replacement, name)
    return f"visual.{name}" if vision else name


def empty_encoder(model: type[nn.Module], config: Any) -> nn.Module:
    """A tower without weights, to be filled by assignment: drawing random ones takes seconds."""
    with torch.device("meta"):
        module = model(config)
    for part in module.modules():
        if "position_ids" in dict(part.named_buffers(recurse=False)):
            count = part.get_buffer("position_ids").shape[-1]
            part.register_buffer("position_ids", torch.arange(count)[None], persistent=False)
    return module


def _from_original(module: nn.Module, state_dict: Mapping[str, Tensor], vision: bool) -> None:
    """Fill one tower; a fused q, k, v matrix gives its thirds."""
    weights = {}
    for name in module.state_dict():
        old = original_clip_name(name, vision)
        if old not in state_dict:
            continue  # listed as missing by the check
        third = _THIRD.search(name)
        weights[name] = (
            state_dict[old].chunk(3)["qkv".index(third[1])].clone() if third else state_dict[old]
        )
    load_exactly(f"CLIP {'image' if vision else 'text'} encoder", module, weights)


def text_encoder_from_original(
    clip: Mapping[str, Any], state_dict: Mapping[str, Tensor]
) -> CLIPTextModel:
    """Build the text encoder from OpenCLIP's configuration and state dict (bare names).

    Its last hidden state is the context: last but one block, then the final norm.

    Raises:
        InvalidWeights: names or shapes do not fit the configuration; lists them.
    """
    model = empty_encoder(CLIPTextModel, text_config(clip))
    _from_original(model, state_dict, vision=False)
    return model


def image_encoder_from_original(
    clip: Mapping[str, Any], state_dict: Mapping[str, Tensor]
) -> CLIPVisionModel:
    """Build the image encoder from OpenCLIP's configuration and state dict (bare names).

    Raises:
        InvalidWeights: names or shapes do not fit the configuration; lists them.
    """
    model = empty_encoder(CLIPVisionModel, vision_config(clip))
    _from_original(model, state_dict, vision=True)
    return model


def prompt_tokens(
    prompt: str, tokenizer: Any | None = None, length: int = 77
) -> Int[Tensor, "1 t"]:
    """Token ids of a prompt; the empty one needs no tokenizer.

    Raises:
        ValueError: a prompt with words but without a tokenizer.
    """
    if prompt == "":
        return torch.tensor([[_START, _END, *[_PAD] * (length - 2)]])
    if tokenizer is None:
        raise ValueError(
            f"teacher.prompt or negative_prompt is {prompt!r}, but these weights come without a "
            "tokenizer. Use the diffusers folder or a teacher.clip that has one, or empty prompts."
        )
    given = tokenizer(prompt, max_length=length, truncation=True)["input_ids"]
    return torch.tensor([[*given, *[_PAD] * (length - len(given))]])


@torch.no_grad()
def text_tokens(encoder: CLIPTextModel, tokens: Int[Tensor, "b t"]) -> Float[Tensor, "b t d"]:
    """The context that the U-Net attends to."""
    return encoder(tokens).last_hidden_state
