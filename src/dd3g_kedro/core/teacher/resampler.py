"""The image-token Resampler: many tokens of the image encoder in, a few context tokens out."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from dd3g_kedro.core.teacher.config import UNetConfig


class PerceiverAttention(nn.Module):
    """Learned queries look at the image's tokens and at themselves."""

    def __init__(self, dim: int, heads: int, head_dim: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1 = nn.LayerNorm(dim)
        self.norm2 = nn.LayerNorm(dim)
        self.to_q = nn.Linear(dim, heads * head_dim, bias=False)
        self.to_kv = nn.Linear(dim, 2 * heads * head_dim, bias=False)
        self.to_out = nn.Linear(heads * head_dim, dim, bias=False)

    def forward(
        self, tokens: Float[Tensor, "n k d"], queries: Float[Tensor, "n i d"]
    ) -> Float[Tensor, "n i d"]:
        """One step of attention, to be added to the queries."""
        tokens, queries = self.norm1(tokens), self.norm2(queries)
        key, value = rearrange(
            self.to_kv(torch.cat([tokens, queries], dim=1)),
            "n t (two h d) -> two n h t d",
            two=2,
            h=self.heads,
        )
        query = rearrange(self.to_q(queries), "n t (h d) -> n h t d", h=self.heads)
        seen = F.scaled_dot_product_attention(query, key, value)
        return self.to_out(rearrange(seen, "n h t d -> n t (h d)"))


def _feed_forward(dim: int) -> nn.Sequential:
    return nn.Sequential(
        nn.LayerNorm(dim),
        nn.Linear(dim, 4 * dim, bias=False),
        nn.GELU(),
        nn.Linear(4 * dim, dim, bias=False),
    )


class Resampler(nn.Module):
    """Image encoder tokens -> `ip_dim` context tokens; module names are the released ones."""

    def __init__(self, config: UNetConfig) -> None:
        super().__init__()
        dim = config.context_dim
        self.latents = nn.Parameter(torch.randn(1, config.ip_dim, dim) / dim**0.5)
        self.proj_in = nn.Linear(config.ip_embedding_dim, dim)
        self.proj_out = nn.Linear(dim, dim)
        self.norm_out = nn.LayerNorm(dim)
        self.layers = nn.ModuleList(
            nn.ModuleList(
                [
                    PerceiverAttention(dim, config.resampler_heads, config.resampler_head_dim),
                    _feed_forward(dim),
                ]
            )
            for _ in range(config.resampler_depth)
        )

    def forward(self, tokens: Float[Tensor, "n k e"]) -> Float[Tensor, "n i d"]:
        """All-zero tokens (the unconditional half) give tokens that are not zero."""
        tokens = self.proj_in(tokens)
        queries = self.latents.expand(len(tokens), -1, -1)
        for layer in self.layers:
            attention, feed_forward = layer.children()
            queries = queries + attention(tokens, queries)
            queries = queries + feed_forward(queries)
        return self.norm_out(self.proj_out(queries))
