"""The student's numbers; pure data, so that Kedro reads them without importing torch."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Literal

from dd3g_kedro.core.config_building import build_fields
from dd3g_kedro.core.geometry.config import CameraRig
from dd3g_kedro.core.student.baseline_config import SplatterImageConfig, TriplaneGaussianConfig
from dd3g_kedro.core.student.checks import require, require_positive
from dd3g_kedro.core.student.cloud_config import (
    BoundedShape,
    InitialCloud,
    ObjectWindow,
    RayStart,
)
from dd3g_kedro.core.student.image_encoder_config import ImageEncoderConfig


@dataclass(frozen=True, kw_only=True)
class PatternExtractionConfig:
    """p1 (Sec. III-B): from N and C, under the guidance of II, to pattern tokens."""

    frames: int  # the views and, Ours, the input image's own frame, as ImageDream lays them out
    noise_channels: int
    latent_size: int  # y = x, in cells
    width: int
    blocks: int
    head_width: int
    pattern_channels: int  # Ours: as many as come in (noise and 6 of the rays)

    def __post_init__(self) -> None:
        where = "pattern_extraction"
        build_fields(self, where)
        require_positive(self, where, *(entry.name for entry in fields(self)))
        require(self.frames > 1, f"{where}.frames must be at least 2, got {self.frames}")
        require(
            self.width % self.head_width == 0,
            f"{where}.width must be a multiple of head_width {self.head_width}, got {self.width}",
        )

    @property
    def tokens(self) -> int:
        """One token for each channel of each frame: a whole map flattened."""
        return self.frames * self.pattern_channels


@dataclass(frozen=True, kw_only=True)
class Tap:
    """A weighted sum of the outputs of adjacent blocks (Sec. IV-A)."""

    blocks: tuple[int, ...]  # counted from 1
    weights: tuple[float, ...]

    def __post_init__(self) -> None:
        build_fields(self, "tap")
        require(
            0 < len(self.blocks) == len(self.weights),
            f"tap.weights must have one entry for each of tap.blocks {self.blocks}, "
            f"got {self.weights}",
        )
        require(abs(sum(self.weights) - 1) < 1e-6, f"tap.weights must sum to 1, got {self.weights}")


@dataclass(frozen=True, kw_only=True)
class AttributeTaps:
    """Where each attribute is decoded; first the shape, then the outline, then the details."""

    means: Tap
    log_scales: Tap
    quaternions: Tap
    colors: Tap
    opacities: Tap


@dataclass(frozen=True, kw_only=True)
class ProgressiveDecodingConfig:
    """p2 (Sec. III-B, IV-A): one stack of blocks, tapped for each attribute."""

    width: int
    blocks: int
    head_width: int
    taps: AttributeTaps
    gaussians_per_token: int
    decoder_width: int  # hidden layer of the attributes' MLPs
    mlp_ratio: float = 4.0
    attention: Literal["plain", "point"] = "plain"
    neighbours: int = 16  # of point attention
    mean_bound: float | None = (
        None  # Ours: soft limit of |x|, |y|, |z|, box sides; None as the paper
    )
    initial: InitialCloud = field(default_factory=InitialCloud)
    shape: BoundedShape | None = None  # None: as the paper, each axis alone in (-9, -3)

    def __post_init__(self) -> None:
        where = "progressive_decoding"
        build_fields(self, where)
        sizes = ("width", "blocks", "head_width", "gaussians_per_token", "decoder_width")
        require_positive(self, where, *sizes, "mlp_ratio", "neighbours")
        require(
            self.width % self.head_width == 0,
            f"{where}.width must be a multiple of head_width {self.head_width}, got {self.width}",
        )
        require(
            self.mean_bound is None or self.mean_bound > self.initial.radius,
            f"{where}.mean_bound must exceed initial.radius {self.initial.radius}, "
            f"got {self.mean_bound}",
        )
        low, high = self.shape.log_scale if self.shape else (-9, -3)
        require(
            low < self.initial.log_scale < high,
            f"{where}.initial.log_scale must lie within the scales' range ({low:g}, {high:g}), "
            f"got {self.initial.log_scale}",
        )
        tapped = {tap.name: getattr(self.taps, tap.name).blocks for tap in fields(self.taps)}
        for name, blocks in tapped.items():
            require(
                all(1 <= block <= self.blocks for block in blocks),
                f"{where}.taps.{name}.blocks must lie in 1..{self.blocks}, got {list(blocks)}",
            )
        require(
            any(self.blocks in blocks for blocks in tapped.values()),
            f"{where}.taps must use block {self.blocks}: blocks behind the last tap learn nothing",
        )


@dataclass(frozen=True, kw_only=True)
class PEPDConfig:
    """G = p2(II + p1(II, N, C)) (Eq. 2); without p1 it is the ablation `PD only` (Table II, c)."""

    image_encoder: ImageEncoderConfig
    progressive_decoding: ProgressiveDecodingConfig
    pattern_extraction: PatternExtractionConfig | None
    rays: RayStart | None = None  # None: as the paper, no Gaussian is tied to a pixel
    window: ObjectWindow | None = None  # None: as the paper, the whole picture is looked at

    def __post_init__(self) -> None:
        build_fields(self, "pepd")
        image, decoding = self.image_encoder.width, self.progressive_decoding.width
        require(
            image == decoding,
            f"pepd.image_encoder.width must equal pepd.progressive_decoding.width {decoding}, "
            f"got {image}",
        )
        count = self.progressive_decoding.gaussians_per_token
        require(
            self.rays is None or self.rays.gaussians <= count,
            "pepd.rays.cells and back_cells ask for more Gaussians a token than "
            f"pepd.progressive_decoding.gaussians_per_token {count}",
        )

    @property
    def tokens(self) -> int:
        """Image tokens and pattern tokens."""
        pattern = self.pattern_extraction.tokens if self.pattern_extraction else 0
        return self.image_encoder.tokens + pattern

    @property
    def gaussians(self) -> int:
        """How many Gaussians an object is made of."""
        return self.tokens * self.progressive_decoding.gaussians_per_token


Architecture = PEPDConfig | SplatterImageConfig | TriplaneGaussianConfig
ARCHITECTURES = ("pepd", "splatter_image", "triplane_gaussian")  # keys of `StudentConfig`


@dataclass(frozen=True, kw_only=True)
class StudentConfig:
    """G_theta, with what it must agree on with the teacher: pictures, latents, cameras.

    One architecture is set, the others are null: the paper's `pepd` (Table II, c and d), or what
    it is compared with under the same objective (Table II, a and b). Parameter overlays merge key
    by key, so another one is chosen with `pepd: null` beside it.
    """

    image_size: int  # pixels of II and of the renderings
    latent_channels: int  # of N
    latent_size: int  # of N, y = x, in cells
    azimuths_deg: tuple[float, ...]  # C, relative to the object's front, in the teacher's order
    elevation_deg: float  # C
    pepd: PEPDConfig | None = None
    splatter_image: SplatterImageConfig | None = None  # Table II, b
    triplane_gaussian: TriplaneGaussianConfig | None = None  # Table II, a
    rig: CameraRig = field(default_factory=CameraRig)
    antialiased: bool = False  # Ours: what its objects are fitted to, and drawn as everywhere

    def __post_init__(self) -> None:
        where = "student"
        build_fields(self, where)
        require_positive(self, where, "image_size", "latent_channels", "latent_size")
        require(
            -90 < self.elevation_deg < 90,
            f"{where}.elevation_deg must lie in (-90, 90), got {self.elevation_deg}",
        )
        require(len(self.azimuths_deg) > 0, f"{where}.azimuths_deg must name at least one view")
        chosen = [name for name in ARCHITECTURES if getattr(self, name) is not None]
        require(
            len(chosen) == 1,
            f"{where} must have exactly one architecture of {', '.join(ARCHITECTURES)}, got "
            f"{' and '.join(chosen) or 'none'}; set the others to null",
        )
        self._check_pattern_extraction()
        self._check_reach()

    @property
    def key(self) -> str:
        """Which architecture is set."""
        return next(name for name in ARCHITECTURES if getattr(self, name) is not None)

    @property
    def architecture(self) -> Architecture:
        """The one that is set."""
        return getattr(self, self.key)

    @property
    def gaussians(self) -> int:
        """How many Gaussians an object is made of."""
        return self.architecture.gaussians

    def _check_pattern_extraction(self) -> None:
        if self.pepd is None or (pattern := self.pepd.pattern_extraction) is None:
            return
        for key, expected in (
            ("noise_channels", self.latent_channels),
            ("latent_size", self.latent_size),
            ("frames", len(self.azimuths_deg) + 1),
        ):
            require(
                getattr(pattern, key) == expected,
                f"student.pepd.pattern_extraction.{key} must be {expected} to agree with "
                f"student's latents and views, got {getattr(pattern, key)}",
            )

    def _check_reach(self) -> None:
        """Whatever the input camera unprojects or projects lies before it."""
        if self.splatter_image is not None:
            reach, key = self.splatter_image.depth_reach, "splatter_image.depth_reach"
        elif self.triplane_gaussian is not None:
            reach, key = 3**0.5 * self.triplane_gaussian.bound, "sqrt(3) triplane_gaussian.bound"
        else:
            return
        require(
            reach < self.rig.radius,
            f"student.{key} must be less than student.rig.radius {self.rig.radius}, got {reach:g}",
        )
