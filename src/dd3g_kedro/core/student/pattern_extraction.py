"""p1: Pattern Extraction (Sec. III-B)."""

from __future__ import annotations

import math

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from dd3g_kedro.core.student.blocks import Attention, feed_forward, start_as_nothing
from dd3g_kedro.core.student.config import PatternExtractionConfig

_RAY_CHANNELS = 6  # Plücker coordinates
_FEED_FORWARD_RATIO = 4.0


def _group_norm(width: int, epsilon: float = 1e-5) -> nn.GroupNorm:
    return nn.GroupNorm(math.gcd(32, width), width, eps=epsilon)


class ResBlock(nn.Module):
    """Two 3x3 convolutions with a skip, frame by frame. Ours: no timestep, there is none here."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.branch = nn.Sequential(
            _group_norm(width),
            nn.SiLU(),
            nn.Conv2d(width, width, 3, padding=1),
            _group_norm(width),
            nn.SiLU(),
            start_as_nothing(nn.Conv2d(width, width, 3, padding=1)),
        )

    def forward(self, maps: Float[Tensor, "n d y x"]) -> Float[Tensor, "n d y x"]:
        """Add the branch."""
        return maps + self.branch(maps)


class SpatialTransformer3D(nn.Module):
    """3SA over the cells of all frames, CA to the image tokens, FF (Sec. III-B, [44])."""

    def __init__(self, width: int, head_width: int, context_width: int, frames: int) -> None:
        super().__init__()
        self.frames = frames
        self.norm = _group_norm(width, epsilon=1e-6)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(3))
        self.self_attention = Attention(width, head_width)
        self.cross_attention = Attention(width, head_width, context_width)
        self.feed_forward = feed_forward(width, _FEED_FORWARD_RATIO)
        self.out = start_as_nothing(nn.Linear(width, width))

    def forward(
        self, maps: Float[Tensor, "n d y x"], context: Float[Tensor, "b t e"]
    ) -> Float[Tensor, "n d y x"]:
        """Add the branch; `n` counts objects times frames, object-major."""
        axes = {"f": self.frames, "y": maps.shape[-2], "x": maps.shape[-1]}
        tokens = rearrange(self.norm(maps), "(b f) d y x -> b (f y x) d", f=self.frames)
        tokens = tokens + self.self_attention(self.norms[0](tokens))
        tokens = tokens + self.cross_attention(self.norms[1](tokens), context)
        tokens = tokens + self.feed_forward(self.norms[2](tokens))
        return maps + rearrange(self.out(tokens), "b (f y x) d -> (b f) d y x", **axes)


class PatternExtraction(nn.Module):
    """p1(II, N, C): the lifting pattern of an image from the random variable NC (Eq. 2).

    NC joins noise and rays channel by channel. Ours: the input image's own frame, fifth of five,
    is all zeros, because the teacher overwrites that frame's noise and gives it no camera.
    """

    def __init__(self, config: PatternExtractionConfig, image_width: int, width: int) -> None:
        super().__init__()
        self.config = config
        inner, cells = config.width, config.latent_size**2
        self.conv_in = nn.Conv2d(config.noise_channels + _RAY_CHANNELS, inner, 3, padding=1)
        self.res_blocks = nn.ModuleList(ResBlock(inner) for _ in range(config.blocks))
        self.transformers = nn.ModuleList(
            SpatialTransformer3D(inner, config.head_width, image_width, config.frames)
            for _ in range(config.blocks)
        )
        self.out = nn.Sequential(
            _group_norm(inner),
            nn.SiLU(),
            nn.Conv2d(inner, config.pattern_channels, 3, padding=1),
        )
        self.to_width = nn.Identity() if cells == width else nn.Linear(cells, width)

    def forward(
        self,
        image_tokens: Float[Tensor, "b t e"],
        noise: Float[Tensor, "b v c y x"],
        rays: Float[Tensor, "b v 6 y x"],
    ) -> Float[Tensor, "b s d"]:
        """Pattern tokens, frame by frame, then channel by channel."""
        views, *latent = noise.shape[1:]
        expected = [self.config.noise_channels, self.config.latent_size, self.config.latent_size]
        if views != self.config.frames - 1 or latent != expected:
            raise ValueError(
                f"noise must have {self.config.frames - 1} views of {expected} latents, "
                f"got {views} of {latent}"
            )
        random_variable = torch.cat([noise, rays.to(noise.dtype)], dim=2)
        frames = F.pad(random_variable, (0, 0, 0, 0, 0, 0, 0, 1))  # one frame of zeros at the end
        maps = self.conv_in(rearrange(frames, "b f c y x -> (b f) c y x"))
        for res_block, transformer in zip(self.res_blocks, self.transformers, strict=True):
            maps = transformer(res_block(maps), image_tokens)
        patterns = rearrange(self.out(maps), "(b f) c y x -> b (f c) (y x)", f=self.config.frames)
        return self.to_width(patterns)
