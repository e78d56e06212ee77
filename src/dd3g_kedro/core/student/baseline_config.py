"""Numbers of the architectures that PEPD is compared with (Table II, a and b)."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from dd3g_kedro.core.config_building import build_fields
from dd3g_kedro.core.student.checks import require, require_positive
from dd3g_kedro.core.student.image_encoder_config import ImageEncoderConfig


@dataclass(frozen=True, kw_only=True)
class SplatterImageConfig:
    """SI: a U-Net that gives every pixel of the input image one Gaussian (Table II, b; [38])."""

    grid_size: int  # pixels a side of the U-Net's picture, one Gaussian each
    width: int  # channels at the finest level
    multipliers: tuple[int, ...]  # of `width`, from the finest level to the coarsest
    blocks: int  # ResBlocks a level on the way down; one more on the way up
    attention_size: int  # the level of so many pixels a side attends; the coarsest's middle too
    head_width: int
    depth_reach: float = 0.5  # depth lies in rig.radius -+ this, box sides
    initial_scale: float = 0.02  # box sides
    initial_opacity: float = 0.5  # Ours

    def __post_init__(self) -> None:
        where = "splatter_image"
        build_fields(self, where)
        names = [entry.name for entry in fields(self) if entry.name != "multipliers"]
        require_positive(self, where, *names)
        require(
            len(self.multipliers) > 0 and min(self.multipliers) > 0,
            f"{where}.multipliers must name positive multiples, got {list(self.multipliers)}",
        )
        coarsest = 2 ** (len(self.multipliers) - 1)
        require(
            self.grid_size % coarsest == 0,
            f"{where}.grid_size must be a multiple of {coarsest}, which its "
            f"{len(self.multipliers)} levels divide it by, got {self.grid_size}",
        )
        require(
            self.attention_size in self.level_sizes,
            f"{where}.attention_size must be one of the levels' {list(self.level_sizes)}, "
            f"got {self.attention_size}",
        )
        for level in {self.level_sizes.index(self.attention_size), len(self.multipliers) - 1}:
            width = self.width * self.multipliers[level]
            require(
                width % self.head_width == 0,
                f"{where}.head_width must divide the {width} channels of level {level + 1}, which "
                f"attends, got {self.head_width}",
            )
        require(
            self.initial_opacity < 1,
            f"{where}.initial_opacity must lie in (0, 1), got {self.initial_opacity}",
        )

    @property
    def level_sizes(self) -> tuple[int, ...]:
        """Pixels a side of every level, from the finest to the coarsest."""
        return tuple(self.grid_size // 2**level for level in range(len(self.multipliers)))

    @property
    def gaussians(self) -> int:
        """How many Gaussians an object is made of."""
        return self.grid_size**2


@dataclass(frozen=True, kw_only=True)
class TriplaneGaussianConfig:
    """TGS: a point cloud and a triplane from two transformers (Table II, a; [35])."""

    image_encoder: ImageEncoderConfig
    width: int  # of both transformers
    blocks: int  # of each
    head_width: int
    points: int  # queries of the first: the coarse cloud
    splits: tuple[int, ...]  # how many points each becomes, step by step
    plane_size: int  # tokens a side of the second's planes
    plane_channels: int  # of each plane as it is sampled, at twice `plane_size`
    decoder_width: int = 128  # hidden layers of the Gaussians' MLP
    mlp_ratio: float = 4.0
    bound: float = 0.7  # Ours: half a side of the cube of the points and planes, box sides
    split_reach: float = 0.1  # Ours: how far the first split moves points; the next half as far
    offset_bound: float = 0.01875  # of |x|, |y|, |z| from the point, box sides
    scale_limit: float = 0.2  # box sides
    initial_log_scale: float = -5.0  # natural
    initial_opacity: float = 0.1

    def __post_init__(self) -> None:
        where = "triplane_gaussian"
        build_fields(self, where)
        other = ("image_encoder", "splits", "initial_log_scale")
        require_positive(self, where, *(f.name for f in fields(self) if f.name not in other))
        require(
            all(split > 1 for split in self.splits),
            f"{where}.splits must be greater than 1, got {list(self.splits)}",
        )
        require(
            self.width % self.head_width == 0,
            f"{where}.width must be a multiple of head_width {self.head_width}, got {self.width}",
        )
        require(
            self.initial_opacity < 1,
            f"{where}.initial_opacity must lie in (0, 1), got {self.initial_opacity}",
        )
        require(
            -9 < self.initial_log_scale < math.log(self.scale_limit),
            f"{where}.initial_log_scale must lie in (-9, log scale_limit), where it has a "
            f"gradient, got {self.initial_log_scale}",
        )

    @property
    def gaussians(self) -> int:
        """How many Gaussians an object is made of."""
        count = self.points
        for split in self.splits:
            count *= split
        return count
