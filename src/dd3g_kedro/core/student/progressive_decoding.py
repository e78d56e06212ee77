"""p2: Progressive Decoding (Sec. III-B, IV-A)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from dd3g_kedro.core.gaussians.activation import LOG_SCALE_FLOOR, LOG_SCALE_RANGE, activate
from dd3g_kedro.core.student.blocks import Attention, PointAttention, TransformerBlock
from dd3g_kedro.core.student.config import ProgressiveDecodingConfig, Tap
from dd3g_kedro.core.student.initial_cloud import initial_means
from dd3g_kedro.core.types import Gaussians


def _logit(share: float) -> float:
    return math.log(share / (1 - share))


def _attention(config: ProgressiveDecodingConfig) -> nn.Module:
    if config.attention == "point":
        return PointAttention(config.width, config.neighbours)
    return Attention(config.width, config.head_width)


def _full_precision(tensor: Tensor) -> AbstractContextManager:
    if tensor.is_meta:  # nothing is computed there
        return nullcontext()
    return torch.autocast(tensor.device.type, enabled=False)


class SoftBound(nn.Module):
    """bound * tanh(x / bound): the identity near the origin, never beyond the bound (Ours)."""

    def __init__(self, bound: float) -> None:
        super().__init__()
        self.bound = bound

    def forward(self, means: Float[Tensor, "b g 3"]) -> Float[Tensor, "b g 3"]:
        """Bound positions."""
        return self.bound * (means / self.bound).tanh()


class AttributeDecoder(nn.Module):
    """One attribute of all Gaussians, by an MLP from a weighted sum of block outputs (Sec. IV-A).

    Ours: it starts from `bias`, its weights add little. It computes in float32 under autocast too:
    half precision would round positions to a seventh of a pixel.
    """

    def __init__(self, config: ProgressiveDecodingConfig, tap: Tap, start: Sequence[float]) -> None:
        super().__init__()
        self.tap = tap
        self.channels = len(start)
        last = nn.Linear(config.decoder_width, config.gaussians_per_token * len(start))
        nn.init.normal_(last.weight, std=0.1 / math.sqrt(config.decoder_width))
        last.bias.data.copy_(torch.tensor(start).repeat(config.gaussians_per_token))
        self.layers = nn.Sequential(
            nn.LayerNorm(config.width),
            nn.Linear(config.width, config.decoder_width),
            nn.GELU(),
            last,
        )

    def forward(self, outputs: Sequence[Float[Tensor, "b t d"]]) -> Float[Tensor, "b g k"]:
        """Raw values, token by token."""
        with _full_precision(outputs[0]):
            pairs = zip(self.tap.blocks, self.tap.weights, strict=True)
            features = sum(weight * outputs[block - 1].float() for block, weight in pairs)
            return rearrange(self.layers(features), "b t (g k) -> b (t g) k", k=self.channels)


class ProgressiveDecoding(nn.Module):
    """p2: from image and pattern tokens to Gaussians: first mu, then s and q, then c and alpha.

    Ours: every token has a learned embedding, which tells image from pattern tokens and one map
    from the next, and learned positions of its Gaussians, to which the decoder of mu adds.
    """

    def __init__(self, config: ProgressiveDecodingConfig, tokens: int) -> None:
        super().__init__()
        self.embedding = nn.Parameter(torch.randn(tokens, config.width) * 0.5)
        self.blocks = nn.ModuleList(
            TransformerBlock(config.width, _attention(config), config.mlp_ratio)
            for _ in range(config.blocks)
        )
        taps, initial = config.taps, config.initial
        scale = _logit((initial.log_scale - LOG_SCALE_FLOOR) / LOG_SCALE_RANGE)
        self.means = AttributeDecoder(config, taps.means, (0.0,) * 3)
        self.log_scales = AttributeDecoder(config, taps.log_scales, (scale,) * 3)
        self.quaternions = AttributeDecoder(config, taps.quaternions, (1.0, 0.0, 0.0, 0.0))
        self.colors = AttributeDecoder(config, taps.colors, (0.0,) * 3)
        self.opacities = AttributeDecoder(config, taps.opacities, (_logit(initial.opacity),))
        self.bound = nn.Identity() if config.mean_bound is None else SoftBound(config.mean_bound)
        self.places = nn.Parameter(torch.empty(tokens * config.gaussians_per_token, 3))
        if not self.places.is_meta:  # else weights from a file will come
            means = initial_means(tokens, config.gaussians_per_token, initial.radius)
            self.places.data.copy_(means)

    def forward(self, tokens: Float[Tensor, "b t d"]) -> Gaussians:
        """Decode the attributes along the stack."""
        tokens = tokens + self.embedding
        outputs = []
        for block in self.blocks:
            tokens = block(tokens)
            outputs.append(tokens)
        return activate(
            self.bound(self.places + self.means(outputs)),
            self.log_scales(outputs),
            self.quaternions(outputs),
            self.colors(outputs),
            rearrange(self.opacities(outputs), "b g 1 -> b g"),
        )
