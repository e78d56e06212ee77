"""How a network is fitted."""

from __future__ import annotations

from dataclasses import dataclass

# fields that may change between the runs of one training
FREE = ("log_every", "picture_every", "checkpoint_every", "compile", "processes")


@dataclass(frozen=True, kw_only=True)
class Optimization:
    """Adam, EMA and clipping (Sec. IV-A), and how often to report and save."""

    steps: int  # I
    batch_size: int  # objects a step, over all processes
    learning_rate: float
    warmup_steps: int = 0  # Ours: linear warm-up
    final_learning_rate: float = 1.0  # Ours: cosine decay to this share; 1 is constant, the paper's
    ema_decay: float = 0.999
    clip_value: float = 5.0  # every gradient entry is clipped to +-clip_value
    mixed_precision: str = "auto"  # auto | no | bf16 | fp16
    compile: bool = False  # torch.compile of the large network: a minute at the start, faster steps
    processes: int | None = None  # that share a step; null: one a GPU
    seed: int = 0
    log_every: int = 10  # steps
    picture_every: int = 200  # steps
    checkpoint_every: int = 200  # steps

    def __post_init__(self) -> None:
        for key in ("steps", "batch_size", "log_every", "picture_every", "checkpoint_every"):
            if getattr(self, key) < 1:
                raise ValueError(f"optimization.{key} must be at least 1, got {getattr(self, key)}")
        if self.processes is not None and self.processes < 1:
            raise ValueError(
                f"optimization.processes must be null or at least 1, got {self.processes}"
            )
        for key in ("learning_rate", "clip_value"):
            if getattr(self, key) <= 0:
                raise ValueError(f"optimization.{key} must be positive, got {getattr(self, key)}")
        if not 0 <= self.ema_decay < 1:
            raise ValueError(f"optimization.ema_decay must lie in [0, 1), got {self.ema_decay}")
        if not 0 <= self.final_learning_rate <= 1:
            raise ValueError(
                "optimization.final_learning_rate must lie in [0, 1], "
                f"got {self.final_learning_rate}"
            )
        if self.mixed_precision not in ("auto", "no", "bf16", "fp16"):
            raise ValueError(
                "optimization.mixed_precision must be auto, no, bf16 or fp16, "
                f"got {self.mixed_precision!r}"
            )
