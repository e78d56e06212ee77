"""What the mini teacher is made of, what it learns from and how it is measured (Ours)."""

from __future__ import annotations

from dataclasses import field
from typing import Annotated

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt

from dd3g_kedro.core.config_building import ElevationDeg, Seed, Share, configuration
from dd3g_kedro.core.geometry.config import CameraRig
from dd3g_kedro.core.teacher.config import UNetConfig
from dd3g_kedro.fitting.config import FitConfig

_RINGS = ((5.0, 5.0), (-5.0, 5.0), (5.0, 15.0), (15.0, 30.0))  # elevations in degrees


@configuration
class AutoencoderConfig:
    """The mini teacher's VAE, diffusers' `AutoencoderKL`."""

    latent_channels: PositiveInt
    # a level each; every level but the last halves the resolution
    channels: Annotated[tuple[PositiveInt, ...], Field(min_length=1)]
    layers_per_block: PositiveInt = 1

    @property
    def factor(self) -> int:
        """Pixels a latent cell, along one axis."""
        return 2 ** (len(self.channels) - 1)


@configuration
class VisionConfig:
    """The mini teacher's image encoder, transformers' `CLIPVisionModel`."""

    width: PositiveInt
    layers: PositiveInt
    heads: PositiveInt
    patch_size: PositiveInt
    # Ours: EfficientNet-Lite0's that join the tokens
    imagenet_stages: tuple[int, ...] = ()


@configuration
class MiniTeacherConfig:
    """ImageDream's architecture at small size (design: same classes, other numbers)."""

    image_size: PositiveInt
    elevation_deg: ElevationDeg = 5.0
    rig: CameraRig = field(default_factory=CameraRig)
    unet: UNetConfig
    autoencoder: AutoencoderConfig
    vision: VisionConfig

    def __post_init__(self) -> None:
        if self.image_size % (self.autoencoder.factor * 2 ** (len(self.unet.channel_mult) - 1)):
            raise ValueError(
                f"image_size must be divisible by the autoencoder's factor "
                f"{self.autoencoder.factor} and by the U-Net's levels, got {self.image_size}"
            )
        if self.unet.in_channels != self.autoencoder.latent_channels:
            raise ValueError(
                "unet.in_channels must equal autoencoder.latent_channels "
                f"({self.autoencoder.latent_channels}), got {self.unet.in_channels}"
            )
        if self.unet.ip_embedding_dim != self.vision.width:
            raise ValueError(
                f"unet.ip_embedding_dim must equal vision.width ({self.vision.width}), "
                f"got {self.unet.ip_embedding_dim}"
            )


@configuration
class ViewRendering:
    """Ground-truth views of the objects that a mini teacher learns from (Ours)."""

    size: PositiveInt  # pixels a side
    azimuths: Annotated[int, Field(ge=4, multiple_of=4)] = 16  # a ring, evenly spaced
    # a ring each: the range from which an object's ring is drawn
    elevations_deg: tuple[tuple[ElevationDeg, ElevationDeg], ...] = _RINGS
    # what the cameras see whole: bulkier objects are shrunk to that radius
    reach: PositiveFloat = 0.6
    seed: Seed = 0
    # objects made of a mesh; all but the first are stretched along the axes, and it stays as it is
    variants: PositiveInt = field(default=1, repr=False)
    # deviation of the log of an axis' factor
    stretch: NonNegativeFloat = field(default=0.2, repr=False)

    def __post_init__(self) -> None:
        if any(low > high for low, high in self.elevations_deg):
            raise ValueError(
                f"elevations_deg must be ranges [low, high], got {list(self.elevations_deg)}"
            )


@configuration
class ViewAugmentation:
    """How one object becomes many (Ours)."""

    any_front: bool = True  # any azimuth may play the front
    mirror: Share = 0.5  # share of objects seen in a mirror
    recolour: Share = 0.5  # share with permuted, scaled channels
    turned_views: Share = 0.3  # share whose views do not start at the input's azimuth
    other_ring: Share = 0.3  # share whose views stand at another elevation than the input
    white: Share = 0.3  # share of white backgrounds; the rest are Eq. 8's greys
    # share whose input shows the object's own front, whatever `any_front` says
    front: Share = 0.0
    # share whose input and views stand in the first ring, the sampling's
    level: Share = 0.0


@configuration
class AutoencoderObjective:
    """What the mini teacher's VAE minimises (Ours)."""

    absolute: NonNegativeFloat = 1.0  # weight of the mean absolute error
    edges: NonNegativeFloat = 1.0  # of the mean absolute error of neighbour differences
    # of the mean squared error of a pixel's channels around their mean
    colours: NonNegativeFloat = 4.0
    divergence: NonNegativeFloat = 1e-6  # of the mean KL divergence of a latent from N(0, 1)


@configuration
class DenoiserObjective:
    """What the mini teacher's U-Net is asked, and how often (Ours)."""

    withheld: Share = 0.1  # share of objects without their input image, for guidance
    # s: t = T s u / (1 + (s - 1) u) of uniform u; > 1: more noise
    timestep_shift: PositiveFloat = 1.0


@configuration
class TeacherMeasurement:
    """How a teacher is measured against the truth (Ours)."""

    objects: PositiveInt = 24  # at most so many held-out objects
    seeds: PositiveInt = 4  # samples an object; best and mean are told
    steps: PositiveInt = 50
    guidance_scale: float = 3.0
    temperature: Share = 1.0  # as sampling.temperature
    batch_size: PositiveInt = 4
    reach: PositiveFloat = 0.6  # as in the training views
    pictured: PositiveInt = 12  # objects on the picture sheet
    consistency_objects: PositiveInt = 4  # at most so many are fitted with Gaussians, thrice each
    fit: FitConfig = field(default_factory=FitConfig)
