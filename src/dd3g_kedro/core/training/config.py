"""How a network is fitted."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from dd3g_kedro.core.config_building import Seed, Share, configuration

# fields that may change between the runs of one training
FREE = ("log_every", "picture_every", "checkpoint_every", "compile", "processes")


@configuration
class Optimization:
    """Adam, EMA and clipping (Sec. IV-A), and how often to report and save."""

    steps: PositiveInt  # I
    batch_size: PositiveInt  # objects a step, over all processes
    learning_rate: PositiveFloat
    warmup_steps: NonNegativeInt = 0  # Ours: linear warm-up
    final_learning_rate: Share = 1.0  # Ours: cosine decay to this share; 1 is constant, the paper's
    ema_decay: Annotated[float, Field(ge=0, lt=1)] = 0.999
    clip_value: PositiveFloat = 5.0  # every gradient entry is clipped to +-clip_value
    mixed_precision: Literal["auto", "no", "bf16", "fp16"] = "auto"
    compile: bool = False  # torch.compile of the large network: a minute at the start, faster steps
    processes: PositiveInt | None = None  # that share a step; null: one a GPU
    seed: Seed = 0
    log_every: PositiveInt = 10  # steps
    picture_every: PositiveInt = 200  # steps
    checkpoint_every: PositiveInt = 200  # steps


@configuration
class Closing:
    """The last phase of a distillation (Ours): the decoders' last layers alone, on any machine."""

    pictures: PositiveInt  # whose features are kept
    optimization: Optimization
    structure_weight: NonNegativeFloat = 0.6  # of 1 - SSIM
    # of the distance by ImageNet features, of the input's view
    perceptual_weight: NonNegativeFloat = 0.25
    mse_weight: NonNegativeFloat = 8.0
    opacity_weight: NonNegativeFloat = 0.004
