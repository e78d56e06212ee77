"""The objective's numbers; pure data, so that Kedro reads them without importing torch."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, NonNegativeFloat, PositiveInt

from dd3g_kedro.core.config_building import ElevationDeg, Share, configuration

Weighting = Literal["x0_reconstruction", "one_minus_alpha_bar", "sigma_over_alpha", "one"]
Schedule = Literal["exponential", "constant", "linear"]
Timestep = Annotated[int, Field(ge=0, lt=1000)]


@configuration
class ExplicitSupervision:
    """Weights of the distances to the teacher's views (Eq. 4)."""

    mse_weight: NonNegativeFloat  # lambda_1
    # lambda_2, of LPIPS or of the distance that stands in for it
    perceptual_weight: NonNegativeFloat
    structure_weight: NonNegativeFloat = 0.0  # Ours: of 1 - SSIM; the paper has no such term
    # Ours: of the Gaussians' distance to the views' silhouettes
    hull_weight: NonNegativeFloat = 0.0
    input_view: bool = False  # Ours: at the input's own camera the target is II, not OI
    # Ours: of so many views one is compared by structure and features
    detail_every: PositiveInt = 1


@configuration
class Verification:
    """How the teacher looks at renderings from random cameras (Eq. 5)."""

    timesteps: tuple[Timestep, Timestep]  # t, both ends included
    elevation_deg: tuple[ElevationDeg, ElevationDeg]
    weighting: Weighting  # w(t), by name: at t = 20 they differ 53-fold, so eta needs the name
    guidance_scale: float = 5.0  # Ours: ImageDream's released SDS
    rescale: Share = 0.2  # Ours: of `x0_reconstruction` alone, as released
    # Ours: of L_IV, a sum where the others are means; eta stays Eq. 6's
    scale: NonNegativeFloat = 1.0
    background: Literal["random", "white"] = "random"  # Eq. 8's; white for the ablation

    def __post_init__(self) -> None:
        lowest, highest = self.timesteps
        if lowest > highest:
            raise ValueError(f"timesteps must rise within 0..999, got {lowest} and {highest}")
        lower, upper = self.elevation_deg
        if lower > upper:
            raise ValueError(
                f"elevation_deg must rise within (-90, 90), got {lower:g} and {upper:g}"
            )


@configuration
class Curriculum:
    """How the weight of verification grows (Eq. 6)."""

    total_steps: PositiveInt  # I
    weight_cap: NonNegativeFloat  # eta
    schedule: Schedule = "exponential"


@configuration
class ObjectiveConfig:
    """L = L_ES + beta_i L_IV + L_on (Eq. 6). Explicit supervision alone has weight_cap 0."""

    explicit: ExplicitSupervision
    verification: Verification
    weight_cap: NonNegativeFloat  # eta
    schedule: Schedule = "exponential"
    opacity_weight: NonNegativeFloat = 1.0  # Ours: the paper gives the term no weight

    def curriculum(self, total_steps: int) -> Curriculum:
        """The growth of beta over a training of `total_steps`."""
        return Curriculum(
            total_steps=total_steps, weight_cap=self.weight_cap, schedule=self.schedule
        )
