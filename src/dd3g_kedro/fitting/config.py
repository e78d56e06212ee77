"""How one object's Gaussians are optimised; light, Kedro reads it at its start."""

from __future__ import annotations

from dataclasses import field
from typing import Literal

from pydantic import NonNegativeFloat, PositiveFloat, PositiveInt

from dd3g_kedro.core.config_building import InnerShare, Seed, Share, configuration
from dd3g_kedro.core.objective.config import Verification

Start = Literal["hull", "ball"]


@configuration
class LearningRates:
    """Adam's, of the raw features. DreamGaussian's but for the scales, which are squeezed here."""

    means: NonNegativeFloat = 1e-3  # box sides a step; falls to `final_means`
    final_means: NonNegativeFloat = 2e-5
    log_scales: NonNegativeFloat = 0.02  # Ours
    quaternions: NonNegativeFloat = 5e-3
    colors: NonNegativeFloat = 0.05  # Ours: of logits
    opacities: NonNegativeFloat = 0.05


@configuration
class Densification:
    """When and where Gaussians are added and taken away (3DGS; numbers as DreamGaussian's).

    Ours: a share of those that are pulled most, not a threshold on the pull, whose scale depends
    on the loss, the picture size and the views.
    """

    every: PositiveInt = 40  # steps
    start: PositiveInt = 40  # the first time
    stop: Share = 0.8  # share of the steps after which nothing is added or taken
    share: Share = 0.2  # of the Gaussians, added each time
    most: PositiveInt = 8000  # Gaussians, never more
    # longest standard deviation, box sides; smaller ones are cloned
    split_above: NonNegativeFloat = 0.01
    prune_below: Share = 0.01  # opacity


@configuration
class Cloud:
    """The first Gaussians, and how they move: what both kinds of optimisation share."""

    gaussians: PositiveInt = 4000  # at the start
    reach: PositiveFloat = 0.6  # from the origin, box sides: nothing starts farther out
    opacity: InnerShare = 0.3  # of each at the start
    learning_rates: LearningRates = field(default_factory=LearningRates)
    densification: Densification | None = field(default_factory=Densification)


@configuration
class FitConfig:
    """Gaussians to posed pictures, the second stage of LGM's and V3D's family."""

    steps: PositiveInt = 80  # Ours: more fit the views better and what lies between them worse
    start: Start = "hull"  # where all silhouettes agree, if the pictures show any; or a ball
    # a pixel this far from the background, in a channel, is the object
    silhouette: NonNegativeFloat = 0.05
    views_per_step: PositiveInt = 8  # at most; drawn anew where there are more
    mse_weight: NonNegativeFloat = 1.0
    # of (1 - SSIM) / 2; V3D adds LPIPS, which needs foreign weights
    dssim_weight: NonNegativeFloat = 0.1
    cloud: Cloud = field(default_factory=Cloud)
    seed: Seed = 0


@configuration
class SdsConfig:
    """Gaussians by score distillation, one object at a time, as DreamGaussian does."""

    steps: PositiveInt = 500
    reference_weight: NonNegativeFloat = 10_000.0  # of the MSE to the input image at its camera
    mask_weight: NonNegativeFloat = 1_000.0  # of the MSE to its alpha
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
    seed: Seed = 0
