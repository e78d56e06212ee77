"""The student's numbers; pure data, so that Kedro reads them without importing torch."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Literal

from dd3g_kedro.core.config_building import build_fields
from dd3g_kedro.core.geometry.config import CameraRig


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise ValueError(message)


def _require_positive(config: object, where: str, *keys: str) -> None:
    for key in keys:
        value = getattr(config, key)
        _require(value > 0, f"{where}.{key} must be positive, got {value}")


@dataclass(frozen=True, kw_only=True)
class ImageEncoderConfig:
    """DINOv2's architecture: the released weights (`paper`) or a small one trained along."""

    image_size: int  # pixels; pictures of another size are resized
    patch_size: int
    width: int
    blocks: int
    heads: int
    mlp_ratio: int = 4
    position_size: int | None = None  # pixels its positions were trained at, if not image_size
    weights: str | None = None  # folder in transformers' format: config.json, model.safetensors
    trainable: bool = True  # Ours: Sec. IV-F calls the image codes DINO's own; `paper` freezes them

    def __post_init__(self) -> None:
        where = "image_encoder"
        build_fields(self, where)
        sizes = ("image_size", "patch_size", "width", "blocks", "heads", "mlp_ratio")
        _require_positive(self, where, *sizes)
        for key in ("image_size", "position_size"):
            size = getattr(self, key) or self.image_size
            _require(
                size % self.patch_size == 0,
                f"{where}.{key} must be a multiple of patch_size {self.patch_size}, got {size}",
            )
        _require(
            self.width % self.heads == 0,
            f"{where}.width must be a multiple of heads {self.heads}, got {self.width}",
        )
        _require(
            self.trainable or self.weights is not None,
            f"{where}.trainable may be false only where weights are given: random features "
            "would stay random",
        )

    @property
    def tokens(self) -> int:
        """One token a patch, and the class token."""
        return (self.image_size // self.patch_size) ** 2 + 1


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
        _require_positive(self, where, *(entry.name for entry in fields(self)))
        _require(self.frames > 1, f"{where}.frames must be at least 2, got {self.frames}")
        _require(
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
        _require(
            0 < len(self.blocks) == len(self.weights),
            f"tap.weights must have one entry for each of tap.blocks {self.blocks}, "
            f"got {self.weights}",
        )
        _require(
            abs(sum(self.weights) - 1) < 1e-6, f"tap.weights must sum to 1, got {self.weights}"
        )


@dataclass(frozen=True, kw_only=True)
class AttributeTaps:
    """Where each attribute is decoded; first the shape, then the outline, then the details."""

    means: Tap
    log_scales: Tap
    quaternions: Tap
    colors: Tap
    opacities: Tap


@dataclass(frozen=True, kw_only=True)
class InitialCloud:
    """Ours: what an untrained student predicts, a ball of small grey blobs."""

    radius: float = 0.4  # box sides
    log_scale: float = -4.75  # natural; about one pixel of a 128 px picture
    opacity: float = 0.2  # low enough that gradients reach the Gaussians inside

    def __post_init__(self) -> None:
        build_fields(self, "initial")
        _require(self.radius > 0, f"initial.radius must be positive, got {self.radius}")
        _require(
            -9 < self.log_scale < -3,
            f"initial.log_scale must lie in (-9, -3), got {self.log_scale}",
        )
        _require(0 < self.opacity < 1, f"initial.opacity must lie in (0, 1), got {self.opacity}")


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

    def __post_init__(self) -> None:
        where = "progressive_decoding"
        build_fields(self, where)
        sizes = ("width", "blocks", "head_width", "gaussians_per_token", "decoder_width")
        _require_positive(self, where, *sizes, "mlp_ratio", "neighbours")
        _require(
            self.width % self.head_width == 0,
            f"{where}.width must be a multiple of head_width {self.head_width}, got {self.width}",
        )
        _require(
            self.mean_bound is None or self.mean_bound > self.initial.radius,
            f"{where}.mean_bound must exceed initial.radius {self.initial.radius}, "
            f"got {self.mean_bound}",
        )
        tapped = {tap.name: getattr(self.taps, tap.name).blocks for tap in fields(self.taps)}
        for name, blocks in tapped.items():
            _require(
                all(1 <= block <= self.blocks for block in blocks),
                f"{where}.taps.{name}.blocks must lie in 1..{self.blocks}, got {list(blocks)}",
            )
        _require(
            any(self.blocks in blocks for blocks in tapped.values()),
            f"{where}.taps must use block {self.blocks}: blocks behind the last tap learn nothing",
        )


@dataclass(frozen=True, kw_only=True)
class PEPDConfig:
    """G = p2(II + p1(II, N, C)) (Eq. 2); without p1 it is the ablation `PD only` (Table II, c)."""

    image_encoder: ImageEncoderConfig
    progressive_decoding: ProgressiveDecodingConfig
    pattern_extraction: PatternExtractionConfig | None

    def __post_init__(self) -> None:
        build_fields(self, "pepd")
        image, decoding = self.image_encoder.width, self.progressive_decoding.width
        _require(
            image == decoding,
            f"pepd.image_encoder.width must equal pepd.progressive_decoding.width {decoding}, "
            f"got {image}",
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


@dataclass(frozen=True, kw_only=True)
class StudentConfig:
    """G_theta, with what it must agree on with the teacher: pictures, latents, cameras."""

    image_size: int  # pixels of II and of the renderings
    latent_channels: int  # of N
    latent_size: int  # of N, y = x, in cells
    azimuths_deg: tuple[float, ...]  # C, relative to the object's front, in the teacher's order
    elevation_deg: float  # C
    pepd: PEPDConfig
    rig: CameraRig = field(default_factory=CameraRig)

    def __post_init__(self) -> None:
        where = "student"
        build_fields(self, where)
        _require_positive(self, where, "image_size", "latent_channels", "latent_size")
        _require(
            -90 < self.elevation_deg < 90,
            f"{where}.elevation_deg must lie in (-90, 90), got {self.elevation_deg}",
        )
        _require(len(self.azimuths_deg) > 0, f"{where}.azimuths_deg must name at least one view")
        if (pattern := self.pepd.pattern_extraction) is None:
            return
        for key, expected in (
            ("noise_channels", self.latent_channels),
            ("latent_size", self.latent_size),
            ("frames", len(self.azimuths_deg) + 1),
        ):
            _require(
                getattr(pattern, key) == expected,
                f"{where}.pepd.pattern_extraction.{key} must be {expected} to agree with "
                f"{where}'s latents and views, got {getattr(pattern, key)}",
            )
