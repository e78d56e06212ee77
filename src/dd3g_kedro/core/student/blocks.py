"""Transformer parts that both phases are stacked from."""

from __future__ import annotations

import math
from contextlib import AbstractContextManager, nullcontext

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F


class Attention(nn.Module):
    """Scaled dot-product attention with several heads, to a context or to the tokens themselves."""

    def __init__(self, width: int, head_width: int, context_width: int | None = None) -> None:
        super().__init__()
        self.head_width = head_width
        self.to_query = nn.Linear(width, width, bias=False)
        self.to_key_value = nn.Linear(context_width or width, 2 * width, bias=False)
        self.to_out = nn.Linear(width, width)

    def forward(
        self, tokens: Float[Tensor, "b t d"], context: Float[Tensor, "b s e"] | None = None
    ) -> Float[Tensor, "b t d"]:
        """Attend from the tokens to the context, or to the tokens without one."""
        query = rearrange(self.to_query(tokens), "b t (n d) -> b n t d", d=self.head_width)
        key, value = rearrange(
            self.to_key_value(tokens if context is None else context),
            "b s (k n d) -> k b n s d",
            k=2,
            d=self.head_width,
        )
        attended = F.scaled_dot_product_attention(query, key, value)
        return self.to_out(rearrange(attended, "b n t d -> b t (n d)"))


class PointAttention(nn.Module):
    """Vector attention over the nearest tokens, as PointTransformer's.

    Ours: tokens have no positions; as in DGL's example, which the paper cites, the first three
    features stand for them. The nearest are found with them, the differences are encoded.
    """

    def __init__(self, width: int, neighbours: int) -> None:
        super().__init__()
        self.neighbours = neighbours
        self.to_query = nn.Linear(width, width, bias=False)
        self.to_key_value = nn.Linear(width, 2 * width, bias=False)
        self.encode_offset = nn.Sequential(nn.Linear(3, width), nn.ReLU(), nn.Linear(width, width))
        self.weigh = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width))
        self.to_out = nn.Linear(width, width)

    def forward(self, tokens: Float[Tensor, "b t d"]) -> Float[Tensor, "b t d"]:
        """Attend from every token to its neighbours, itself among them."""
        positions = tokens[..., :3].float()
        distances = torch.cdist(positions.detach(), positions.detach())
        nearest = distances.topk(min(self.neighbours, tokens.shape[1]), largest=False).indices
        objects = torch.arange(len(tokens), device=tokens.device)[:, None, None]
        key, value = self.to_key_value(tokens)[objects, nearest].chunk(2, dim=-1)  # b t k d
        offset = self.encode_offset(positions[:, :, None] - positions[objects, nearest])
        weights = self.weigh(self.to_query(tokens)[:, :, None] - key + offset).softmax(dim=2)
        return self.to_out((weights * (value + offset)).sum(dim=2))


def feed_forward(width: int, ratio: float) -> nn.Sequential:
    """FF: two linear layers, `ratio` times as wide between them."""
    hidden = round(width * ratio)
    return nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width))


class TransformerBlock(nn.Module):
    """Pre-norm residual block: attention among the tokens, then FF."""

    def __init__(self, width: int, attention: nn.Module, ratio: float) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(width)
        self.attention = attention
        self.feed_forward_norm = nn.LayerNorm(width)
        self.feed_forward = feed_forward(width, ratio)

    def forward(self, tokens: Float[Tensor, "b t d"]) -> Float[Tensor, "b t d"]:
        """Add both branches."""
        tokens = tokens + self.attention(self.attention_norm(tokens))
        return tokens + self.feed_forward(self.feed_forward_norm(tokens))


def start_as_nothing(layer: nn.Linear | nn.Conv2d) -> nn.Linear | nn.Conv2d:
    """Zero a residual branch's last layer: the untrained branch adds nothing (Ours, stability)."""
    nn.init.zeros_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


def start_near(start: Float[Tensor, "k"], width: int) -> nn.Linear:
    """A last layer whose bias is `start`, to which its weights add little at first (Ours)."""
    last = nn.Linear(width, len(start))
    nn.init.normal_(last.weight, std=0.1 / math.sqrt(width))
    last.bias.data.copy_(start)
    return last


def full_precision(tensor: Tensor) -> AbstractContextManager:
    """float32 where `tensor` lives, under autocast too."""
    if tensor.is_meta:  # nothing is computed there
        return nullcontext()
    return torch.autocast(tensor.device.type, enabled=False)
