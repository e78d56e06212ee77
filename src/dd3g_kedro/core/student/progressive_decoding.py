"""p2: Progressive Decoding (Sec. III-B, IV-A)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from einops import rearrange
from jaxtyping import Bool, Float
from torch import Tensor, nn

from dd3g_kedro.core.gaussians.activation import (
    PAPER_SCALES,
    BoundedScales,
    FreeScales,
    activate,
)
from dd3g_kedro.core.student.blocks import (
    Attention,
    PointAttention,
    TransformerBlock,
    full_precision,
    start_near,
)
from dd3g_kedro.core.student.config import ProgressiveDecodingConfig, Tap
from dd3g_kedro.core.types import Gaussians

_PLASTIC = 1.2207440846057596  # root of x^4 = x + 1: the golden ratio's counterpart in 3D


def ball(count: int, radius: float) -> Float[Tensor, "{count} 3"]:
    """Points spread evenly in a ball around the origin: an additive lattice, cut to the ball."""
    with torch.device("cpu"):  # also where a model is built on `meta`
        steps = torch.tensor([_PLASTIC**-1, _PLASTIC**-2, _PLASTIC**-3], dtype=torch.float64)
        candidates = torch.arange(1, 2 * count + 65, dtype=torch.float64)[:, None] * steps
        points = 2 * (candidates % 1) - 1  # the ball fills 52 % of this cube
        inside = points[points.norm(dim=-1) <= 1]
        return (radius * inside[:count]).float()


def scattering(tokens: int, count: int, radius: float) -> Float[Tensor, "g 3"]:
    """What moves each token's `ball` to places of its own, all over the same ball."""
    with torch.device("cpu"):
        own = ball(tokens * count, radius).unflatten(0, (count, tokens)).transpose(0, 1)
        return (own - ball(count, radius)).flatten(0, 1)


class RawAttributes(NamedTuple):
    """What the five decoders say, before their activations."""

    means: Float[Tensor, "b g 3"]  # as they are, box sides
    scales: Float[Tensor, "b g 3"]
    quaternions: Float[Tensor, "b g 4"]
    colors: Float[Tensor, "b g 3"]
    opacities: Float[Tensor, "b g 1"]

    def replaced(
        self, others: RawAttributes, where: Bool[Tensor, "b p k"], per_token: int
    ) -> RawAttributes:
        """The others' values for the first Gaussians of the patches, where they are wanted."""
        patches, count = where.shape[1:]

        def exchange(mine: Tensor, theirs: Tensor) -> Tensor:
            tokens = mine.unflatten(1, (-1, per_token))
            first = tokens[:, 1 : 1 + patches]
            chosen = torch.where(where[..., None], theirs, first[:, :, :count])
            first = torch.cat([chosen, first[:, :, count:]], dim=2)
            whole = torch.cat([tokens[:, :1], first, tokens[:, 1 + patches :]], dim=1)
            return whole.flatten(1, 2)

        return RawAttributes(*map(exchange, self, others))


class Placed(NamedTuple):
    """What a token's decoders start from, raw."""

    means: Float[Tensor, "k 3"]
    scale: float
    opacity: float
    raw_scale: Callable[[Tensor], Tensor]  # of a logarithmic scale


def _logit(share: float) -> float:
    return math.log(share / (1 - share))


def _attention(config: ProgressiveDecodingConfig) -> nn.Module:
    if config.attention == "point":
        return PointAttention(config.width, config.neighbours)
    return Attention(config.width, config.head_width)


def scales_of(config: ProgressiveDecodingConfig) -> FreeScales:
    """The paper's range of scales, or the bounded shape that the configuration names."""
    if config.shape is None:
        return PAPER_SCALES
    return BoundedScales(*config.shape.log_scale, config.shape.log_ratio)


class SoftBound(nn.Module):
    """bound * tanh(x / bound): the identity near the origin, never beyond the bound (Ours)."""

    def __init__(self, bound: float) -> None:
        super().__init__()
        self.bound = bound

    def forward(self, means: Float[Tensor, "*n c"]) -> Float[Tensor, "*n c"]:
        """Bound positions, or parts of them."""
        return self.bound * (means / self.bound).tanh()


class AttributeDecoder(nn.Module):
    """One attribute of all Gaussians, by an MLP from a weighted sum of block outputs (Sec. IV-A).

    Ours: the last bias is `start`, the weights add little to it at first. It computes in float32
    under autocast too: half precision would round positions to a seventh of a pixel.
    """

    def __init__(
        self, config: ProgressiveDecodingConfig, tap: Tap, start: Float[Tensor, "g k"]
    ) -> None:
        super().__init__()
        self.tap = tap
        self.channels = start.shape[1]
        last = start_near(start.flatten(), config.decoder_width)
        self.layers = nn.Sequential(
            nn.LayerNorm(config.width),
            nn.Linear(config.width, config.decoder_width),
            nn.GELU(),
            last,
        )

    def hidden(self, outputs: Sequence[Float[Tensor, "b t d"]]) -> Float[Tensor, "b t e"]:
        """What the last layer is given."""
        with full_precision(outputs[0]):
            pairs = zip(self.tap.blocks, self.tap.weights, strict=True)
            features = sum(weight * outputs[block - 1].float() for block, weight in pairs)
            return self.layers[:-1](features)

    def values(self, hidden: Float[Tensor, "b t e"]) -> Float[Tensor, "b g k"]:
        """Raw values, token by token, by the last layer."""
        with full_precision(hidden):
            last = self.layers[-1](hidden.float())
            return rearrange(last, "b t (g k) -> b (t g) k", k=self.channels)

    def forward(self, outputs: Sequence[Float[Tensor, "b t d"]]) -> Float[Tensor, "b g k"]:
        """Raw values, token by token."""
        return self.values(self.hidden(outputs))


class ProgressiveDecoding(nn.Module):
    """p2: from image and pattern tokens to Gaussians: first mu, then s and q, then c and alpha.

    Ours: a learned embedding for every token tells image from pattern tokens and one map from the
    next. Every token's Gaussians start spread over one ball; a start in a cell of its own for each
    token learnt more slowly in trials, because the decoders are common to all tokens.
    """

    def __init__(self, config: ProgressiveDecodingConfig, tokens: int) -> None:
        super().__init__()
        self.embedding = nn.Parameter(torch.randn(tokens, config.width) * 0.5)
        self.blocks = nn.ModuleList(
            TransformerBlock(config.width, _attention(config), config.mlp_ratio)
            for _ in range(config.blocks)
        )
        taps, initial, count = config.taps, config.initial, config.gaussians_per_token
        self.scales = scales_of(config)
        self.placed = Placed(
            means=ball(count, initial.radius),
            scale=float(self.scales.raw(torch.tensor(initial.log_scale, device="cpu"))),
            opacity=_logit(initial.opacity),
            raw_scale=self.scales.raw,
        )
        if initial.scattered:
            moves = scattering(tokens, count, initial.radius)
            self.register_buffer("moves", moves, persistent=False)
        else:
            self.moves = None
        turn = torch.tensor([[1.0, 0.0, 0.0, 0.0]])
        scale = torch.full((count, 3), self.placed.scale)
        opacity = torch.full((count, 1), self.placed.opacity)
        self.means = AttributeDecoder(config, taps.means, self.placed.means)
        self.log_scales = AttributeDecoder(config, taps.log_scales, scale)
        self.quaternions = AttributeDecoder(config, taps.quaternions, turn.repeat(count, 1))
        self.colors = AttributeDecoder(config, taps.colors, torch.zeros(count, 3))
        self.opacities = AttributeDecoder(config, taps.opacities, opacity)
        self.bound = nn.Identity() if config.mean_bound is None else SoftBound(config.mean_bound)

    @property
    def decoders(self) -> tuple[AttributeDecoder, ...]:
        """The five of the attributes, in the order of `RawAttributes`."""
        return self.means, self.log_scales, self.quaternions, self.colors, self.opacities

    def outputs(self, tokens: Float[Tensor, "b t d"]) -> list[Float[Tensor, "b t d"]]:
        """Of every block of the stack."""
        tokens = tokens + self.embedding
        found = []
        for block in self.blocks:
            tokens = block(tokens)
            found.append(tokens)
        return found

    def raw(self, tokens: Float[Tensor, "b t d"]) -> RawAttributes:
        """Decode the attributes along the stack, before their bounds and activations."""
        outputs = self.outputs(tokens)
        return RawAttributes(*(decoder(outputs) for decoder in self.decoders))

    def scattered(self, means: Float[Tensor, "b g 3"]) -> Float[Tensor, "b g 3"]:
        """Free Gaussians where their tokens start, if every token has places of its own."""
        return means if self.moves is None else means + self.moves

    def activated(self, raw: RawAttributes) -> Gaussians:
        """Attributes of placed Gaussians."""
        return activate(*raw[:4], rearrange(raw.opacities, "b g 1 -> b g"), scales=self.scales)

    def forward(self, tokens: Float[Tensor, "b t d"]) -> Gaussians:
        """Decode, where nothing else says where Gaussians go."""
        raw = self.raw(tokens)
        return self.activated(raw._replace(means=self.bound(self.scattered(raw.means))))
