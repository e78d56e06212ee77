"""FlashAttention 4 over an object's frames, where the extra `hopper` is installed.

Not through torch.nn.attention.activate_flash_attention_impl: that of torch 2.11 and 2.12 expects
two results of a function that returns more.
"""

from __future__ import annotations

import torch
from diffusers.models.attention_processor import Attention
from flash_attn.cute import flash_attn_func
from torch import Tensor, library, nn

from dd3g_kedro.core.teacher.attention import HALF, ViewAttention

_LONG = 1024  # keys from which it is faster than cuDNN's


@library.custom_op(
    "dd3g::flash_attention",
    mutates_args=(),
    schema="(Tensor query, Tensor key, Tensor value) -> Tensor",
)
def flash_attention(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """softmax(q k^T / sqrt(d)) v of (b, t, h, d), (b, s, h, d) and (b, s, h, d)."""
    out = flash_attn_func(query, key, value)
    return out[0] if isinstance(out, tuple) else out


@flash_attention.register_fake
def _(query: Tensor, _key: Tensor, _value: Tensor) -> Tensor:
    return torch.empty_like(query, memory_format=torch.contiguous_format)


class FlashViewAttention(ViewAttention):
    """In half precision, and of long sequences."""

    def _attend(self, query: Tensor, key: Tensor, value: Tensor, heads: int) -> Tensor:
        if key.dtype not in HALF or key.shape[1] < _LONG:
            return super()._attend(query, key, value, heads)
        parts = (part.unflatten(-1, (heads, -1)) for part in (query, key, value))
        return flash_attention(*parts).flatten(2)


def attend_by_flash(network: nn.Module) -> None:
    """Give a diffusers U-Net's self-attentions the class above, in place; for inference."""
    for layer in network.modules():
        if isinstance(layer, Attention) and type(layer.processor) is ViewAttention:
            layer.processor.__class__ = FlashViewAttention
