"""How a network is fitted."""

from __future__ import annotations

from dataclasses import dataclass, field

from dd3g_kedro.core.config_building import build_fields
from dd3g_kedro.core.fitting.config import FitConfig


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


@dataclass(frozen=True, kw_only=True)
class Closing:
    """The last phase of a distillation (Ours): the decoders' last layers alone, on any machine."""

    pictures: int  # whose features are kept
    optimization: Optimization
    structure_weight: float = 0.6  # of 1 - SSIM
    perceptual_weight: float = 0.25  # of the distance by ImageNet features, of the input's view
    mse_weight: float = 8.0
    opacity_weight: float = 0.004

    def __post_init__(self) -> None:
        build_fields(self, "closing")
        if self.pictures < 1:
            raise ValueError(f"closing.pictures must be at least 1, got {self.pictures}")
        for key in ("structure_weight", "perceptual_weight", "mse_weight", "opacity_weight"):
            if getattr(self, key) < 0:
                raise ValueError(f"closing.{key} must not be negative, got {getattr(self, key)}")
