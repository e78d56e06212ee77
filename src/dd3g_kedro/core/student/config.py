"""The student's numbers; pure data, so that Kedro reads them without importing torch."""

from __future__ import annotations

import math
from dataclasses import field, fields
from typing import Annotated, Literal

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from dd3g_kedro.core.config_building import (
    ElevationDeg,
    InnerShare,
    PositiveShare,
    configuration,
)
from dd3g_kedro.core.geometry.config import CameraRig

_LogScale = Annotated[float, Field(gt=-9, lt=-3)]  # natural; the paper's range, Sec. IV-A


def _divides(head_width: int, width: int) -> None:
    if width % head_width:
        raise ValueError(f"width must be a multiple of head_width {head_width}, got {width}")


@configuration
class ImageEncoderConfig:
    """DINOv2's architecture: the released weights (`paper`) or a small one trained along."""

    image_size: PositiveInt  # pixels; pictures of another size are resized
    patch_size: PositiveInt
    width: PositiveInt
    blocks: PositiveInt
    heads: PositiveInt
    mlp_ratio: PositiveInt = 4
    # pixels its positions were trained at, if not image_size
    position_size: PositiveInt | None = None
    weights: str | None = None  # folder in transformers' format: config.json, model.safetensors
    trainable: bool = True  # Ours: Sec. IV-F calls the image codes DINO's own; `paper` freezes them
    # Ours: of EfficientNet-Lite0, frozen, that join the tokens
    imagenet_stages: tuple[Annotated[int, Field(ge=1, le=7)], ...] = ()

    def __post_init__(self) -> None:
        for key in ("image_size", "position_size"):
            if (size := getattr(self, key) or self.image_size) % self.patch_size:
                raise ValueError(
                    f"{key} must be a multiple of patch_size {self.patch_size}, got {size}"
                )
        if self.width % self.heads:
            raise ValueError(f"width must be a multiple of heads {self.heads}, got {self.width}")
        if not self.trainable and self.weights is None:
            raise ValueError(
                "trainable may be false only where weights are given: random features would stay "
                "random"
            )

    @property
    def tokens(self) -> int:
        """One token a patch, and the class token."""
        return (self.image_size // self.patch_size) ** 2 + 1


@configuration
class PatternExtractionConfig:
    """p1 (Sec. III-B): from N and C, under the guidance of II, to pattern tokens."""

    # the views and, Ours, the input image's own frame, as ImageDream lays them out
    frames: Annotated[int, Field(ge=2)]
    noise_channels: PositiveInt
    latent_size: PositiveInt  # y = x, in cells
    width: PositiveInt
    blocks: PositiveInt
    head_width: PositiveInt
    pattern_channels: PositiveInt  # Ours: as many as come in (noise and 6 of the rays)

    def __post_init__(self) -> None:
        _divides(self.head_width, self.width)

    @property
    def tokens(self) -> int:
        """One token for each channel of each frame: a whole map flattened."""
        return self.frames * self.pattern_channels


@configuration
class Tap:
    """A weighted sum of the outputs of adjacent blocks (Sec. IV-A)."""

    blocks: Annotated[tuple[int, ...], Field(min_length=1)]  # counted from 1
    weights: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.blocks) != len(self.weights):
            raise ValueError(
                f"weights must have one entry for each of blocks {self.blocks}, got {self.weights}"
            )
        if abs(sum(self.weights) - 1) >= 1e-6:
            raise ValueError(f"weights must sum to 1, got {self.weights}")


@configuration
class AttributeTaps:
    """Where each attribute is decoded; first the shape, then the outline, then the details."""

    means: Tap
    log_scales: Tap
    quaternions: Tap
    colors: Tap
    opacities: Tap


@configuration
class InitialCloud:
    """Ours: what an untrained student predicts, a ball of small grey blobs."""

    radius: PositiveFloat = 0.4  # box sides
    log_scale: _LogScale = -4.75  # about one pixel of a 128 px picture
    opacity: InnerShare = 0.2  # low enough that gradients reach the Gaussians inside
    scattered: bool = False  # each token's at places of their own, not all tokens' at the same


@configuration
class BoundedShape:
    """Ours: one size a Gaussian, its axes within a factor of it; a small student grows needles."""

    log_scale: tuple[float, float]  # natural, of the size
    log_ratio: PositiveFloat  # an axis is at most e to this longer or shorter than the size

    def __post_init__(self) -> None:
        low, high = self.log_scale
        if low >= high:
            raise ValueError(f"log_scale must rise, got {low:g} and {high:g}")


@configuration
class ProgressiveDecodingConfig:
    """p2 (Sec. III-B, IV-A): one stack of blocks, tapped for each attribute."""

    width: PositiveInt
    blocks: PositiveInt
    head_width: PositiveInt
    taps: AttributeTaps
    gaussians_per_token: PositiveInt
    decoder_width: PositiveInt  # hidden layer of the attributes' MLPs
    mlp_ratio: PositiveFloat = 4.0
    attention: Literal["plain", "point"] = "plain"
    neighbours: PositiveInt = 16  # of point attention
    # Ours: soft limit of |x|, |y|, |z|, box sides; None as the paper
    mean_bound: float | None = None
    initial: InitialCloud = field(default_factory=InitialCloud)
    shape: BoundedShape | None = None  # None: as the paper, each axis alone in (-9, -3)

    def __post_init__(self) -> None:
        _divides(self.head_width, self.width)
        start = self.initial
        if self.mean_bound is not None and self.mean_bound <= start.radius:
            raise ValueError(
                f"mean_bound must exceed initial.radius {start.radius}, got {self.mean_bound}"
            )
        low, high = self.shape.log_scale if self.shape else (-9, -3)
        if not low < start.log_scale < high:
            raise ValueError(
                f"initial.log_scale must lie within the scales' range ({low:g}, {high:g}), "
                f"got {start.log_scale}"
            )
        tapped = {tap.name: getattr(self.taps, tap.name).blocks for tap in fields(AttributeTaps)}
        for name, blocks in tapped.items():
            if not all(1 <= block <= self.blocks for block in blocks):
                raise ValueError(
                    f"taps.{name}.blocks must lie in 1..{self.blocks}, got {list(blocks)}"
                )
        if not any(self.blocks in blocks for blocks in tapped.values()):
            raise ValueError(
                f"taps must use block {self.blocks}: blocks behind the last tap learn nothing"
            )


@configuration
class RayStart:
    """Ours: Gaussians of the image tokens start on the input picture's rays, with its colours.

    Where the picture shows its background, and in the other tokens, they start as the free ones.
    """

    cells: PositiveInt  # a side of a patch; each has one Gaussian, before the origin's plane
    back_cells: NonNegativeInt = 0  # the same of a mirrored layer behind that plane
    depth: NonNegativeFloat = 0.1  # of both layers from that plane, box sides
    # of a layer's Gaussians along their rays, box sides to both sides
    spread: NonNegativeFloat = 0.0
    sideways: NonNegativeFloat = 0.2  # how much of a predicted offset counts across the ray
    overlap: PositiveFloat = 0.6  # standard deviation, in the cells' spacing
    opacity: InnerShare = 0.6
    # of a channel to the picture's rim, from which it is the object
    contrast: PositiveFloat = 0.05

    @property
    def gaussians(self) -> int:
        """How many of an image token's Gaussians start on rays."""
        return self.cells**2 + self.back_cells**2


@configuration
class ObjectWindow:
    """Ours: the picture is cut to the object before it is encoded, and lengths are in its sides.

    Small objects get as many tokens and as fine Gaussians as large ones.
    """

    margin: Annotated[float, Field(ge=1)] = 1.1  # of the object's longer side
    smallest: PositiveShare = 0.25  # of the picture's side
    # of a channel to the picture's rim, from which it is the object
    contrast: PositiveFloat = 0.05


@configuration
class PEPDConfig:
    """G = p2(II + p1(II, N, C)) (Eq. 2); without p1 it is the ablation `PD only` (Table II, c)."""

    image_encoder: ImageEncoderConfig
    progressive_decoding: ProgressiveDecodingConfig
    pattern_extraction: PatternExtractionConfig | None
    rays: RayStart | None = None  # None: as the paper, no Gaussian is tied to a pixel
    window: ObjectWindow | None = None  # None: as the paper, the whole picture is looked at

    def __post_init__(self) -> None:
        image, decoding = self.image_encoder.width, self.progressive_decoding.width
        if image != decoding:
            raise ValueError(
                f"image_encoder.width must equal progressive_decoding.width {decoding}, got {image}"
            )
        count = self.progressive_decoding.gaussians_per_token
        if self.rays is not None and self.rays.gaussians > count:
            raise ValueError(
                "rays.cells and back_cells ask for more Gaussians a token than "
                f"progressive_decoding.gaussians_per_token {count}"
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


@configuration
class SplatterImageConfig:
    """SI: a U-Net that gives every pixel of the input image one Gaussian (Table II, b; [38])."""

    grid_size: PositiveInt  # pixels a side of the U-Net's picture, one Gaussian each
    width: PositiveInt  # channels at the finest level
    # of `width`, from the finest level to the coarsest
    multipliers: Annotated[tuple[PositiveInt, ...], Field(min_length=1)]
    blocks: PositiveInt  # ResBlocks a level on the way down; one more on the way up
    # the level of so many pixels a side attends; the coarsest's middle too
    attention_size: PositiveInt
    head_width: PositiveInt
    depth_reach: PositiveFloat = 0.5  # depth lies in rig.radius -+ this, box sides
    initial_scale: PositiveFloat = 0.02  # box sides
    initial_opacity: InnerShare = 0.5  # Ours

    def __post_init__(self) -> None:
        coarsest = 2 ** (len(self.multipliers) - 1)
        if self.grid_size % coarsest:
            raise ValueError(
                f"grid_size must be a multiple of {coarsest}, which its {len(self.multipliers)} "
                f"levels divide it by, got {self.grid_size}"
            )
        if self.attention_size not in self.level_sizes:
            raise ValueError(
                f"attention_size must be one of the levels' {list(self.level_sizes)}, "
                f"got {self.attention_size}"
            )
        for level in {self.level_sizes.index(self.attention_size), len(self.multipliers) - 1}:
            width = self.width * self.multipliers[level]
            if width % self.head_width:
                raise ValueError(
                    f"head_width must divide the {width} channels of level {level + 1}, which "
                    f"attends, got {self.head_width}"
                )

    @property
    def level_sizes(self) -> tuple[int, ...]:
        """Pixels a side of every level, from the finest to the coarsest."""
        return tuple(self.grid_size // 2**level for level in range(len(self.multipliers)))

    @property
    def gaussians(self) -> int:
        """How many Gaussians an object is made of."""
        return self.grid_size**2


@configuration
class TriplaneGaussianConfig:
    """TGS: a point cloud and a triplane from two transformers (Table II, a; [35])."""

    image_encoder: ImageEncoderConfig
    width: PositiveInt  # of both transformers
    blocks: PositiveInt  # of each
    head_width: PositiveInt
    points: PositiveInt  # queries of the first: the coarse cloud
    splits: tuple[Annotated[int, Field(gt=1)], ...]  # how many points each becomes, step by step
    plane_size: PositiveInt  # tokens a side of the second's planes
    plane_channels: PositiveInt  # of each plane as it is sampled, at twice `plane_size`
    decoder_width: PositiveInt = 128  # hidden layers of the Gaussians' MLP
    mlp_ratio: PositiveFloat = 4.0
    # Ours: half a side of the cube of the points and planes, box sides
    bound: PositiveFloat = 0.7
    # Ours: how far the first split moves points; the next half as far
    split_reach: PositiveFloat = 0.1
    offset_bound: PositiveFloat = 0.01875  # of |x|, |y|, |z| from the point, box sides
    scale_limit: PositiveFloat = 0.2  # box sides
    initial_log_scale: float = -5.0  # natural
    initial_opacity: InnerShare = 0.1

    def __post_init__(self) -> None:
        _divides(self.head_width, self.width)
        if not -9 < self.initial_log_scale < math.log(self.scale_limit):
            raise ValueError(
                "initial_log_scale must lie in (-9, log scale_limit), where it has a gradient, "
                f"got {self.initial_log_scale}"
            )

    @property
    def gaussians(self) -> int:
        """How many Gaussians an object is made of."""
        return self.points * math.prod(self.splits)


Architecture = PEPDConfig | SplatterImageConfig | TriplaneGaussianConfig
ARCHITECTURES = ("pepd", "splatter_image", "triplane_gaussian")  # keys of `StudentConfig`


@configuration
class StudentConfig:
    """G_theta, with what it must agree on with the teacher: pictures, latents, cameras.

    One architecture is set, the others are null: the paper's `pepd` (Table II, c and d), or what
    it is compared with under the same objective (Table II, a and b). Parameter overlays merge key
    by key, so another one is chosen with `pepd: null` beside it.
    """

    image_size: PositiveInt  # pixels of II and of the renderings
    latent_channels: PositiveInt  # of N
    latent_size: PositiveInt  # of N, y = x, in cells
    # C, relative to the object's front, in the teacher's order
    azimuths_deg: Annotated[tuple[float, ...], Field(min_length=1)]
    elevation_deg: ElevationDeg  # C
    pepd: PEPDConfig | None = None
    splatter_image: SplatterImageConfig | None = None  # Table II, b
    triplane_gaussian: TriplaneGaussianConfig | None = None  # Table II, a
    rig: CameraRig = field(default_factory=CameraRig)
    antialiased: bool = False  # Ours: what its objects are fitted to, and drawn as everywhere

    def __post_init__(self) -> None:
        chosen = [name for name in ARCHITECTURES if getattr(self, name) is not None]
        if len(chosen) != 1:
            raise ValueError(
                f"must have exactly one architecture of {', '.join(ARCHITECTURES)}, got "
                f"{' and '.join(chosen) or 'none'}; set the others to null"
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
            if (found := getattr(pattern, key)) != expected:
                raise ValueError(
                    f"pepd.pattern_extraction.{key} must be {expected} to agree with student's "
                    f"latents and views, got {found}"
                )

    def _check_reach(self) -> None:
        """Whatever the input camera unprojects or projects lies before it."""
        if self.splatter_image is not None:
            reach, key = self.splatter_image.depth_reach, "splatter_image.depth_reach"
        elif self.triplane_gaussian is not None:
            reach, key = 3**0.5 * self.triplane_gaussian.bound, "triplane_gaussian.bound x sqrt(3)"
        else:
            return
        if reach >= self.rig.radius:
            raise ValueError(f"{key} must be less than rig.radius {self.rig.radius}, got {reach:g}")
