"""The objective's numbers; pure data, so that Kedro reads them without importing torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from dd3g_kedro.core.config_building import build_fields

Weighting = Literal["x0_reconstruction", "one_minus_alpha_bar", "sigma_over_alpha", "one"]
Schedule = Literal["exponential", "constant", "linear"]


def _require_not_negative(config: object, where: str, *keys: str) -> None:
    for key in keys:
        if getattr(config, key) < 0:
            raise ValueError(f"{where}.{key} must not be negative, got {getattr(config, key)}")


@dataclass(frozen=True, kw_only=True)
class ExplicitSupervision:
    """Weights of the distances to the teacher's views (Eq. 4)."""

    mse_weight: float  # lambda_1
    perceptual_weight: float  # lambda_2, of LPIPS or of the distance that stands in for it
    structure_weight: float = 0.0  # Ours: of 1 - SSIM; the paper has no such term
    hull_weight: float = 0.0  # Ours: of the Gaussians' distance to the views' silhouettes
    input_view: bool = False  # Ours: at the input's own camera the target is II, not OI
    detail_every: int = 1  # Ours: of so many views one is compared by structure and features

    def __post_init__(self) -> None:
        build_fields(self, "explicit")
        weights = ("mse_weight", "perceptual_weight", "structure_weight", "hull_weight")
        _require_not_negative(self, "explicit", *weights)
        if self.detail_every < 1:
            raise ValueError(f"explicit.detail_every must be at least 1, got {self.detail_every}")


@dataclass(frozen=True, kw_only=True)
class Verification:
    """How the teacher looks at renderings from random cameras (Eq. 5)."""

    timesteps: tuple[int, int]  # t, both ends included
    elevation_deg: tuple[float, float]
    weighting: Weighting  # w(t), by name: at t = 20 they differ 53-fold, so eta needs the name
    guidance_scale: float = 5.0  # Ours: ImageDream's released SDS
    rescale: float = 0.2  # Ours: of `x0_reconstruction` alone, as released
    scale: float = 1.0  # Ours: of L_IV, a sum where the others are means; eta stays Eq. 6's
    background: Literal["random", "white"] = "random"  # Eq. 8's; white for the ablation

    def __post_init__(self) -> None:
        build_fields(self, "verification")
        lowest, highest = self.timesteps
        if not 0 <= lowest <= highest < 1000:
            raise ValueError(
                f"verification.timesteps must rise within 0..999, got {lowest} and {highest}"
            )
        lower, upper = self.elevation_deg
        if not -90 < lower <= upper < 90:
            raise ValueError(
                "verification.elevation_deg must rise within (-90, 90), "
                f"got {lower:g} and {upper:g}"
            )
        _require_not_negative(self, "verification", "scale")
        if not 0 <= self.rescale <= 1:
            raise ValueError(f"verification.rescale must lie in [0, 1], got {self.rescale}")


@dataclass(frozen=True, kw_only=True)
class Curriculum:
    """How the weight of verification grows (Eq. 6)."""

    total_steps: int  # I
    weight_cap: float  # eta
    schedule: Schedule = "exponential"

    def __post_init__(self) -> None:
        if self.total_steps < 1:
            raise ValueError(f"curriculum.total_steps must be positive, got {self.total_steps}")
        _require_not_negative(self, "curriculum", "weight_cap")


@dataclass(frozen=True, kw_only=True)
class ObjectiveConfig:
    """L = L_ES + beta_i L_IV + L_on (Eq. 6). Explicit supervision alone has weight_cap 0."""

    explicit: ExplicitSupervision
    verification: Verification
    weight_cap: float  # eta
    schedule: Schedule = "exponential"
    opacity_weight: float = 1.0  # Ours: the paper gives the term no weight

    def __post_init__(self) -> None:
        build_fields(self, "objective")
        _require_not_negative(self, "objective", "weight_cap", "opacity_weight")

    def curriculum(self, total_steps: int) -> Curriculum:
        """The growth of beta over a training of `total_steps`."""
        return Curriculum(
            total_steps=total_steps, weight_cap=self.weight_cap, schedule=self.schedule
        )
