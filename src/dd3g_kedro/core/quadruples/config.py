"""How quadruples are sampled."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, NonNegativeFloat, PositiveInt

from dd3g_kedro.core.config_building import ElevationDeg, Seed, Share, configuration


@configuration
class Sampling:
    """Deterministic DDIM over the accepted images (Sec. IV-A)."""

    steps: PositiveInt = 50  # DDIM, eta 0
    guidance_scale: NonNegativeFloat = 5.0  # Ours: ImageDream's demo; the paper states none
    seeds_per_image: PositiveInt = 1
    seed: Seed = 0  # of the seeds
    # objects a batch; their bits depend on it, and on their place if above 1
    batch_size: PositiveInt = 4
    shard_size: PositiveInt = 64  # quadruples a file
    # recentre the object with this border; null: as it is framed
    border_ratio: Annotated[float, Field(ge=0, lt=1)] | None = None
    compile: bool = False  # torch.compile of the U-Net: a minute at the start, faster batches
    mixed_precision: Literal["auto", "no", "bf16", "fp16"] = "auto"  # of the U-Net
    processes: PositiveInt | None = None  # that share the shards; null: one a GPU
    images: PositiveInt | None = None  # at most so many images, in the table's order; null: all
    background: Literal["random", "white"] = "random"  # behind II: Eq. 8's; white for the ablation

    # Ours: of so many quadruples C is turned by up to 45 degrees, and as high as this
    turned: Share = 0.0
    turned_elevation_deg: tuple[ElevationDeg, ElevationDeg] = (-5.0, 15.0)
    # Ours: the teacher's ODE starts from so many times N, nearer to the middle of its objects
    temperature: Share = 1.0

    def __post_init__(self) -> None:
        lower, upper = self.turned_elevation_deg
        if lower > upper:
            raise ValueError(f"turned_elevation_deg must rise, got {lower:g} and {upper:g}")
        if self.shard_size % self.batch_size:
            raise ValueError(
                f"shard_size must be a multiple of batch_size {self.batch_size}, "
                f"got {self.shard_size}"
            )
