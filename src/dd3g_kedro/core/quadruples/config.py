"""How quadruples are sampled."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """Deterministic DDIM over the accepted images (Sec. IV-A)."""

    steps: int = 50  # DDIM, eta 0
    guidance_scale: float = 5.0  # Ours: ImageDream's demo; the paper states none
    seeds_per_image: int = 1
    seed: int = 0  # of the seeds
    batch_size: int = 4  # objects a batch; their bits depend on it, and on their place if above 1
    shard_size: int = 64  # quadruples a file
    border_ratio: float | None = None  # recentre the object with this border; null: as it is framed
    compile: bool = False  # torch.compile of the U-Net: a minute at the start, faster batches
    mixed_precision: str = "auto"  # auto | no | bf16 | fp16: of the U-Net
    processes: int | None = None  # that share the shards; null: one a GPU
    images: int | None = None  # at most so many images, in the table's order; null: all
    background: Literal["random", "white"] = "random"  # behind II: Eq. 8's; white for the ablation

    def __post_init__(self) -> None:
        for key in ("steps", "seeds_per_image", "batch_size", "shard_size"):
            if getattr(self, key) < 1:
                raise ValueError(f"sampling.{key} must be at least 1, got {getattr(self, key)}")
        for key in ("processes", "images"):
            if (count := getattr(self, key)) is not None and count < 1:
                raise ValueError(f"sampling.{key} must be null or at least 1, got {count}")
        if not (math.isfinite(self.guidance_scale) and self.guidance_scale >= 0):
            raise ValueError(
                f"sampling.guidance_scale must be finite and not negative, got "
                f"{self.guidance_scale}"
            )
        if not 0 <= self.seed < 2**63:
            raise ValueError(f"sampling.seed must lie in [0, 2^63), got {self.seed}")
        if self.background not in ("random", "white"):
            raise ValueError(
                f"sampling.background must be random or white, got {self.background!r}"
            )
        if self.mixed_precision not in ("auto", "no", "bf16", "fp16"):
            raise ValueError(
                "sampling.mixed_precision must be auto, no, bf16 or fp16, "
                f"got {self.mixed_precision!r}"
            )
        if self.shard_size % self.batch_size:
            raise ValueError(
                "sampling.shard_size must be a multiple of sampling.batch_size "
                f"({self.batch_size}), got {self.shard_size}"
            )
        if self.border_ratio is not None and not 0 <= self.border_ratio < 1:
            raise ValueError(
                f"sampling.border_ratio must be null or lie in [0, 1), got {self.border_ratio}"
            )
