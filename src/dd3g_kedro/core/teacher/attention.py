"""Attention processors for diffusers' U-Net: over an object's frames, and to text plus image."""

# ruff: noqa: ARG002 (diffusers hands every processor the same arguments)

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import torch
import torch.nn.functional as F
from diffusers.models.attention_processor import Attention
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

# Keys and values of the text tokens "m s d" (twice), and of the image tokens "k i d" (twice).
KeysValues = tuple[Tensor, Tensor, Tensor, Tensor]
HALF = (torch.bfloat16, torch.float16)  # what kernels of a GPU take
_LONG = 256  # keys from which products in bfloat16 beat PyTorch's fused kernel on a CPU


def _attend(
    query: Float[Tensor, "b t d"],
    key: Float[Tensor, "b s d"],
    value: Float[Tensor, "b s d"],
    heads: int,
) -> Float[Tensor, "b t d"]:
    """softmax(q k^T / sqrt(d_head)) v, head by head."""
    query, key, value = (rearrange(x, "b t (h d) -> b h t d", h=heads) for x in (query, key, value))
    on_cpu_in_half = query.device.type == "cpu" and query.dtype == torch.bfloat16
    if on_cpu_in_half and key.shape[2] >= _LONG and not torch.is_grad_enabled():
        out = _attend_by_products(query, key, value)
    else:
        out = F.scaled_dot_product_attention(query, key, value)
    return rearrange(out, "b h t d -> b t (h d)")


def _attend_by_products(
    query: Float[Tensor, "b h t d"],
    key: Float[Tensor, "b h s d"],
    value: Float[Tensor, "b h s d"],
) -> Float[Tensor, "b h t d"]:
    """The same as two products for each head, whose scores stay in the cache.

    The fused kernel computes bfloat16 in float32 on a CPU and takes twice as long. Rounding the
    scores costs accuracy (0.5 % of the output instead of 0.2 %), less than the rest of the network
    loses in bfloat16.
    """
    query = query * query.shape[-1] ** -0.5
    out = torch.empty_like(query)
    for head in product(*map(range, query.shape[:2])):
        torch.mm((query[head] @ key[head].T).softmax(dim=-1), value[head], out=out[head])
    return out


class ViewAttention:
    """Full self-attention over the tokens of all frames of one object ("3D self-attention")."""

    def __call__(
        self,
        attn: Attention,
        hidden_states: Float[Tensor, "n t d"],
        encoder_hidden_states: None = None,
        attention_mask: None = None,
        num_frames: int = 1,
    ) -> Float[Tensor, "n t d"]:
        """Rows are object-major; every `num_frames` of them are one object."""
        return attn.to_out[0](self.seen(attn, hidden_states, num_frames))

    def seen(
        self,
        attn: Attention,
        hidden_states: Float[Tensor, "n t d"],
        num_frames: int = 1,
        asking_frames: int | None = None,
    ) -> Float[Tensor, "m t d"]:
        """What comes before the output matrix.

        Only the first `asking_frames` of an object, if given, come out.
        """
        tokens = rearrange(hidden_states, "(b f) t d -> b (f t) d", f=num_frames)
        asking = num_frames if asking_frames is None else asking_frames
        asked = asking * hidden_states.shape[1]
        if attn.fused_projections:
            query, key, value = attn.to_qkv(tokens).chunk(3, dim=-1)
            query = query[:, :asked]
        else:
            query, key, value = attn.to_q(tokens[:, :asked]), attn.to_k(tokens), attn.to_v(tokens)
        seen = self._attend(query, key, value, attn.heads)
        return rearrange(seen, "b (f t) d -> (b f) t d", f=asking)

    def _attend(
        self,
        query: Float[Tensor, "b t d"],
        key: Float[Tensor, "b s d"],
        value: Float[Tensor, "b s d"],
        heads: int,
    ) -> Float[Tensor, "b t d"]:
        return _attend(query, key, value, heads)


class TextImageAttention(nn.Module):
    """Cross-attention to text and to image tokens, each with its own keys and values.

    Two softmaxes, summed before the output matrix: Attn(q, text) + ip_weight Attn(q, image).
    Fewer token rows than hidden rows mean that consecutive rows share them. Keys and values arrive
    computed: they stay the same while an object is sampled.
    """

    def __init__(self, context_dim: int, inner_dim: int, ip_weight: float, place: int) -> None:
        super().__init__()
        self.place = place  # among the network's cross-attentions
        self.to_k_ip = nn.Linear(context_dim, inner_dim, bias=False)
        self.to_v_ip = nn.Linear(context_dim, inner_dim, bias=False)
        self.ip_weight = ip_weight

    def keys_values(
        self, attn: Attention, text: Float[Tensor, "m s e"], image: Float[Tensor, "k i e"]
    ) -> KeysValues:
        """Keys and values of the text tokens, then those of the image tokens."""
        return attn.to_k(text), attn.to_v(text), self.to_k_ip(image), self.to_v_ip(image)

    def __call__(
        self,
        attn: Attention,
        hidden_states: Float[Tensor, "n t d"],
        encoder_hidden_states: Sequence[KeysValues],
        attention_mask: None = None,
        num_frames: int = 1,
    ) -> Float[Tensor, "n t d"]:
        """`encoder_hidden_states` are what `keys_values` made, for each cross-attention."""
        return attn.to_out[0](self.seen(attn, hidden_states, encoder_hidden_states))

    def seen(
        self,
        attn: Attention,
        hidden_states: Float[Tensor, "n t d"],
        known: Sequence[KeysValues],
    ) -> Float[Tensor, "n t d"]:
        """What comes before the output matrix."""
        return self._attend_to_both(attn.to_q(hidden_states), known[self.place], attn.heads)

    def _attend_to_both(
        self, query: Float[Tensor, "n t d"], known: KeysValues, heads: int
    ) -> Float[Tensor, "n t d"]:
        key, value, image_key, image_value = known
        out = self._share(query, key, value, heads)
        return out + self.ip_weight * self._share(query, image_key, image_value, heads)

    @staticmethod
    def _share(
        query: Float[Tensor, "n t d"],
        key: Float[Tensor, "m s d"],
        value: Float[Tensor, "m s d"],
        heads: int,
    ) -> Float[Tensor, "n t d"]:
        rows = len(query) // len(key)
        grouped = rearrange(query, "(m r) t d -> m (r t) d", r=rows)
        return rearrange(_attend(grouped, key, value, heads), "m (r t) d -> (m r) t d", r=rows)


def attend_across_views(network: nn.Module, context_dim: int, ip_weight: float) -> None:
    """Give every attention layer of a diffusers U-Net its processor, in place."""
    place = 0
    for name, layer in network.named_modules():
        if not isinstance(layer, Attention):
            continue
        processor: object = ViewAttention()
        if name.endswith("attn2"):
            processor = TextImageAttention(context_dim, layer.inner_dim, ip_weight, place)
            place += 1
        layer.set_processor(processor)


def cross_keys_values(
    network: nn.Module, text: Float[Tensor, "m s e"], image: Float[Tensor, "k i e"]
) -> tuple[KeysValues, ...]:
    """What every cross-attention attends to, in the order of their places."""
    return tuple(
        layer.processor.keys_values(layer, text, image)
        for layer in network.modules()
        if isinstance(layer, Attention) and isinstance(layer.processor, TextImageAttention)
    )


def fuse_self_attention(network: nn.Module) -> None:
    """One product for queries, keys and values, of weights that no longer change; in place."""
    for layer in network.modules():
        if isinstance(layer, Attention) and isinstance(layer.processor, ViewAttention):
            layer.fuse_projections()
