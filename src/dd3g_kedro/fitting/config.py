"""How one object's Gaussians are optimised; standard library only, Kedro reads it at its start."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

from dd3g_kedro.core.config_building import build_fields
from dd3g_kedro.core.objective.config import Verification

Start = Literal["hull", "ball"]


def _require(config: object, where: str, lowest: float, *keys: str) -> None:
    for key in keys:
        value = getattr(config, key)
        if not lowest <= value < math.inf:
            raise ValueError(f"{where}.{key} must be at least {lowest:g} and finite, got {value}")


@dataclass(frozen=True, kw_only=True)
class LearningRates:
    """Adam's, of the raw features. DreamGaussian's but for the scales, which are squeezed here."""

    means: float = 1e-3  # box sides a step; falls to `final_means`
    final_means: float = 2e-5
    log_scales: float = 0.02  # Ours
    quaternions: float = 5e-3
    colors: float = 0.05  # Ours: of logits
    opacities: float = 0.05

    def __post_init__(self) -> None:
        build_fields(self, "learning_rates")
        keys = ("means", "final_means", "log_scales", "quaternions", "colors", "opacities")
        _require(self, "learning_rates", 0.0, *keys)


@dataclass(frozen=True, kw_only=True)
class Densification:
    """When and where Gaussians are added and taken away (3DGS; numbers as DreamGaussian's).

    Ours: a share of those that are pulled most, not a threshold on the pull, whose scale depends
    on the loss, the picture size and the views.
    """

    every: int = 40  # steps
    start: int = 40  # the first time
    stop: float = 0.8  # share of the steps after which nothing is added or taken
    share: float = 0.2  # of the Gaussians, added each time
    most: int = 8000  # Gaussians, never more
    split_above: float = 0.01  # longest standard deviation, box sides; smaller ones are cloned
    prune_below: float = 0.01  # opacity

    def __post_init__(self) -> None:
        build_fields(self, "densification")
        _require(self, "densification", 1.0, "every", "start", "most")
        _require(self, "densification", 0.0, "split_above")
        for key in ("stop", "share", "prune_below"):
            if not 0 <= getattr(self, key) <= 1:
                raise ValueError(
                    f"densification.{key} must lie in [0, 1], got {getattr(self, key)}"
                )


@dataclass(frozen=True, kw_only=True)
class Cloud:
    """The first Gaussians, and how they move: what both kinds of optimisation share."""

    gaussians: int = 4000  # at the start
    reach: float = 0.6  # from the origin, box sides: nothing starts farther out
    opacity: float = 0.3  # of each at the start
    learning_rates: LearningRates = field(default_factory=LearningRates)
    densification: Densification | None = field(default_factory=Densification)

    def __post_init__(self) -> None:
        build_fields(self, "cloud")
        _require(self, "cloud", 1.0, "gaussians")
        if not 0 < self.reach < math.inf:
            raise ValueError(f"cloud.reach must be positive, got {self.reach}")
        if not 0 < self.opacity < 1:
            raise ValueError(f"cloud.opacity must lie in (0, 1), got {self.opacity}")


@dataclass(frozen=True, kw_only=True)
class FitConfig:
    """Gaussians to posed pictures, the second stage of LGM's and V3D's family."""

    steps: int = 80  # Ours: more fit the views better and what lies between them worse
    start: Start = "hull"  # where all silhouettes agree, if the pictures show any; or a ball
    silhouette: float = 0.05  # a pixel this far from the background, in a channel, is the object
    views_per_step: int = 8  # at most; drawn anew where there are more
    mse_weight: float = 1.0
    dssim_weight: float = 0.1  # of (1 - SSIM) / 2; V3D adds LPIPS, which needs foreign weights
    cloud: Cloud = field(default_factory=Cloud)
    seed: int = 0

    def __post_init__(self) -> None:
        build_fields(self, "fit")
        _require(self, "fit", 1.0, "steps", "views_per_step")
        _require(self, "fit", 0.0, "silhouette", "mse_weight", "dssim_weight")


@dataclass(frozen=True, kw_only=True)
class SdsConfig:
    """Gaussians by score distillation, one object at a time, as DreamGaussian does."""

    steps: int = 500
    reference_weight: float = 10_000.0  # of the MSE to the input image at its camera
    mask_weight: float = 1_000.0  # of the MSE to its alpha
    guidance: Verification = field(
        default_factory=lambda: Verification(
            timesteps=(20, 980),  # t falls linearly from the second to the first
            elevation_deg=(0, 15),  # Ours: around what the mini teacher was shown
            weighting="one",  # DreamGaussian's
        )
    )
    cloud: Cloud = field(
        default_factory=lambda: Cloud(
            gaussians=3000,
            reach=0.5,
            opacity=0.1,
            densification=Densification(every=100, start=100),
        )
    )
    seed: int = 0

    def __post_init__(self) -> None:
        build_fields(self, "sds")
        _require(self, "sds", 1.0, "steps")
        _require(self, "sds", 0.0, "reference_weight", "mask_weight")
