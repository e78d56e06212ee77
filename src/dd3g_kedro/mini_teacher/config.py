"""What the mini teacher is made of, what it learns from and how it is measured (Ours)."""

from __future__ import annotations

from dataclasses import dataclass, field

from dd3g_kedro.core.config_building import build_fields
from dd3g_kedro.core.geometry.config import CameraRig
from dd3g_kedro.core.teacher.config import UNetConfig
from dd3g_kedro.fitting.config import FitConfig


@dataclass(frozen=True, kw_only=True)
class AutoencoderConfig:
    """The mini teacher's VAE, diffusers' `AutoencoderKL`."""

    latent_channels: int
    channels: tuple[int, ...]  # a level each; every level but the last halves the resolution
    layers_per_block: int = 1

    @property
    def factor(self) -> int:
        """Pixels a latent cell, along one axis."""
        return 2 ** (len(self.channels) - 1)


@dataclass(frozen=True, kw_only=True)
class VisionConfig:
    """The mini teacher's image encoder, transformers' `CLIPVisionModel`."""

    width: int
    layers: int
    heads: int
    patch_size: int
    imagenet_stages: tuple[int, ...] = ()  # Ours: EfficientNet-Lite0's that join the tokens


@dataclass(frozen=True, kw_only=True)
class MiniTeacherConfig:
    """ImageDream's architecture at small size (design: same classes, other numbers)."""

    image_size: int
    elevation_deg: float = 5.0
    rig: CameraRig = field(default_factory=CameraRig)
    unet: UNetConfig
    autoencoder: AutoencoderConfig
    vision: VisionConfig

    def __post_init__(self) -> None:
        build_fields(self, "mini_teacher")
        if self.image_size % (self.autoencoder.factor * 2 ** (len(self.unet.channel_mult) - 1)):
            raise ValueError(
                f"mini_teacher.image_size must be divisible by the autoencoder's factor "
                f"{self.autoencoder.factor} and by the U-Net's levels, got {self.image_size}"
            )
        if self.unet.in_channels != self.autoencoder.latent_channels:
            raise ValueError(
                "mini_teacher.unet.in_channels must equal autoencoder.latent_channels "
                f"({self.autoencoder.latent_channels}), got {self.unet.in_channels}"
            )
        if self.unet.ip_embedding_dim != self.vision.width:
            raise ValueError(
                f"mini_teacher.unet.ip_embedding_dim must equal vision.width ({self.vision.width}),"
                f" got {self.unet.ip_embedding_dim}"
            )


@dataclass(frozen=True, kw_only=True)
class ViewRendering:
    """Ground-truth views of the objects that a mini teacher learns from (Ours)."""

    size: int  # pixels a side
    azimuths: int = 16  # a ring, evenly spaced; a multiple of 4
    elevations_deg: tuple[tuple[float, float], ...] = ((5, 5), (-5, 5), (5, 15), (15, 30))
    # a ring each: the range from which an object's ring is drawn
    reach: float = 0.6  # what the cameras see whole: bulkier objects are shrunk to that radius
    seed: int = 0
    # objects made of a mesh; all but the first are stretched along the axes, and it stays as it is
    variants: int = field(default=1, repr=False)
    stretch: float = field(default=0.2, repr=False)  # deviation of the log of an axis' factor

    def __post_init__(self) -> None:
        if self.variants < 1 or self.stretch < 0:
            raise ValueError(
                "views.variants must be at least 1 and views.stretch not negative, got "
                f"{self.variants} and {self.stretch}"
            )
        if self.azimuths < 4 or self.azimuths % 4:
            raise ValueError(f"views.azimuths must be a multiple of 4, got {self.azimuths}")
        for low, high in self.elevations_deg:
            if not -90 < low <= high < 90:
                raise ValueError(
                    "views.elevations_deg must be ranges within (-90, 90), got "
                    f"{self.elevations_deg}"
                )


@dataclass(frozen=True, kw_only=True)
class ViewAugmentation:
    """How one object becomes many (Ours)."""

    any_front: bool = True  # any azimuth may play the front
    mirror: float = 0.5  # share of objects seen in a mirror
    recolour: float = 0.5  # share with permuted, scaled channels
    turned_views: float = 0.3  # share whose views do not start at the input's azimuth
    other_ring: float = 0.3  # share whose views stand at another elevation than the input
    white: float = 0.3  # share of white backgrounds; the rest are Eq. 8's greys
    front: float = 0.0  # share whose input shows the object's own front, whatever `any_front` says
    level: float = 0.0  # share whose input and views stand in the first ring, the sampling's


@dataclass(frozen=True, kw_only=True)
class AutoencoderObjective:
    """What the mini teacher's VAE minimises (Ours)."""

    absolute: float = 1.0  # weight of the mean absolute error
    edges: float = 1.0  # of the mean absolute error of neighbour differences
    colours: float = 4.0  # of the mean squared error of a pixel's channels around their mean
    divergence: float = 1e-6  # of the mean KL divergence of a latent from N(0, 1)


@dataclass(frozen=True, kw_only=True)
class DenoiserObjective:
    """What the mini teacher's U-Net is asked, and how often (Ours)."""

    withheld: float = 0.1  # share of objects without their input image, for guidance
    timestep_shift: float = 1.0  # s: t = T s u / (1 + (s - 1) u) of uniform u; > 1: more noise

    def __post_init__(self) -> None:
        if not 0 <= self.withheld <= 1 or self.timestep_shift <= 0:
            raise ValueError(
                "denoiser_objective.withheld must lie in [0, 1] and timestep_shift be positive, "
                f"got {self.withheld} and {self.timestep_shift}"
            )


@dataclass(frozen=True, kw_only=True)
class TeacherMeasurement:
    """How a teacher is measured against the truth (Ours)."""

    objects: int = 24  # at most so many held-out objects
    seeds: int = 4  # samples an object; best and mean are told
    steps: int = 50
    guidance_scale: float = 3.0
    batch_size: int = 4
    reach: float = 0.6  # as in the training views
    pictured: int = 12  # objects on the picture sheet
    consistency_objects: int = 4  # at most so many are fitted with Gaussians, thrice each
    fit: FitConfig = field(default_factory=FitConfig)

    def __post_init__(self) -> None:
        for key in ("objects", "seeds", "batch_size", "pictured", "consistency_objects"):
            if getattr(self, key) < 1:
                raise ValueError(f"measurement.{key} must be at least 1, got {getattr(self, key)}")
