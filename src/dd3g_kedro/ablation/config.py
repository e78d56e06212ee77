"""What the ablations vary, under which common budget, and how the rows are measured."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from dd3g_kedro.core.config_building import build_fields
from dd3g_kedro.core.training.config import Optimization
from dd3g_kedro.mini_teacher.config import ViewAugmentation

TABLES: dict[str, tuple[str, ...]] = {
    "II": ("tgs", "splatter_image", "pd_only", "pepd"),
    "III": ("explicit", "implicit", "joint"),
    "IV": ("rendered_40", "synthetic_40", "rendered_20_synthetic_40", "rendered_40_synthetic_80"),
    "design": (
        *("decoders_reversed", "taps_last", "beta_constant", "beta_from_start"),
        *("background_fixed", "point_attention", "gaussians_half", "gaussians_double"),
        *("rays_none", "back_none", "window_none", "features_none"),
        *("shape_free", "not_antialiased", "structure_none", "hull_none", "input_view_teachers"),
    ),
    "bound": ("true_views",),
}
ROWS = {row: table for table, rows in TABLES.items() for row in rows}
REFERENCE = "joint"  # what a row of the design table is compared with
TRUE_VIEWS = "true_views"  # the row that learns from the meshes' drawn views, without quadruples

Background = Literal["random", "white"]


@dataclass(frozen=True, kw_only=True)
class Mix:
    """Which quadruples a row learns from."""

    rendered: float = 1.0  # share of the images that are rendered
    synthetic: float = 0.0  # share of the images made of them by `stylise`
    background: Background = "random"  # behind II and OI: Eq. 8's, or white, for all

    def __post_init__(self) -> None:
        build_fields(self, "quadruples")
        for key in ("rendered", "synthetic"):
            if not 0 <= getattr(self, key) <= 1:
                raise ValueError(f"quadruples.{key} must lie in [0, 1], got {getattr(self, key)}")
        if self.rendered + self.synthetic == 0:
            raise ValueError("quadruples.rendered and quadruples.synthetic must not both be 0")
        if self.background == "white" and self.synthetic > 0:
            raise ValueError("quadruples.synthetic must be 0 with background white: none are made")


@dataclass(frozen=True, kw_only=True)
class Row:
    """One training: what it changes of the student, the objective and the data."""

    label: str
    sentence: str  # what the row asks
    student: dict[str, Any] = field(default_factory=dict)  # over `student`; null removes a part
    objective: dict[str, Any] = field(default_factory=dict)  # over `objective`
    quadruples: Mix | None = field(default_factory=Mix)  # null: the meshes' drawn views instead
    same_as: str | None = None  # the row whose training and numbers this one shares

    def __post_init__(self) -> None:
        build_fields(self, "row")
        changed = self.student or self.objective or self.quadruples != Mix()
        if self.same_as is not None and changed:
            raise ValueError(
                f"same_as {self.same_as} says that nothing differs; remove same_as, or student, "
                "objective and quadruples"
            )


@dataclass(frozen=True, kw_only=True)
class HeldOut:
    """Quadruples of the benchmark's inputs, which no row learns from (Ours)."""

    images: int = 12  # at most so many benchmark objects, evenly spaced
    seeds: int = 2  # N an image: what a student makes of one is also held against the other's

    def __post_init__(self) -> None:
        build_fields(self, "held_out")
        if self.images < 1 or self.seeds < 2:
            raise ValueError(
                "held_out needs at least 1 of images and 2 of seeds, "
                f"got {self.images} and {self.seeds}"
            )


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """How a row's student is measured; objects, LPIPS and views are those of `evaluate`."""

    limit: int | None = None  # at most so many benchmark objects, evenly spaced
    contrast: tuple[float, float, float] = (0.0, 1.0, 0.0)  # sRGB that objects rarely have

    def __post_init__(self) -> None:
        build_fields(self, "measurement")
        if self.limit is not None and self.limit < 1:
            raise ValueError(f"measurement.limit must be null or at least 1, got {self.limit}")
        if not all(0 <= channel <= 1 for channel in self.contrast):
            raise ValueError(f"measurement.contrast must lie in [0, 1], got {self.contrast}")


@dataclass(frozen=True, kw_only=True)
class Stylisation:
    """Other looks for rendered pictures (Ours), in place of the paper's synthetic images."""

    variants: int = 2  # of each picture; the paper has twice as many synthetic images as rendered
    seed: int = 0

    def __post_init__(self) -> None:
        build_fields(self, "stylisation")
        if self.variants < 1:
            raise ValueError(f"stylisation.variants must be at least 1, got {self.variants}")


@dataclass(frozen=True, kw_only=True)
class TrueViewsConfig:
    """How one object becomes many for `true_views` (Ours): as for the mini teacher."""

    any_front: bool = True  # any azimuth may play the front
    mirror: float = 0.5  # share of objects seen in a mirror
    recolour: float = 0.5  # share with permuted, scaled channels

    def __post_init__(self) -> None:
        build_fields(self, "true_views")
        for key in ("mirror", "recolour"):
            if not 0 <= getattr(self, key) <= 1:
                raise ValueError(f"true_views.{key} must lie in [0, 1], got {getattr(self, key)}")

    @property
    def augmentation(self) -> ViewAugmentation:
        """In the drawn views' terms; views and input are one ring, from the input's azimuth on."""
        return ViewAugmentation(
            any_front=self.any_front,
            mirror=self.mirror,
            recolour=self.recolour,
            turned_views=0.0,
            other_ring=0.0,
            white=0.0,
        )


@dataclass(frozen=True, kw_only=True)
class Interpolation:
    """Between the image tokens of two inputs, N fixed (Fig. 9)."""

    pairs: int = 3  # of neighbouring held-out images
    frames: int = 9  # both ends included
    azimuths_deg: tuple[float, ...] = (0.0, 120.0)  # cameras of the pictures
    seed: int = 0  # of N

    def __post_init__(self) -> None:
        build_fields(self, "interpolation")
        if self.pairs < 1 or self.frames < 3 or not self.azimuths_deg:
            raise ValueError("interpolation needs at least 1 pair, 3 frames and 1 azimuth")


@dataclass(frozen=True, kw_only=True)
class Diversity:
    """What several N make of one image (Fig. 10)."""

    pictured: int = 4  # images on the picture

    def __post_init__(self) -> None:
        build_fields(self, "diversity")
        if self.pictured < 1:
            raise ValueError(f"diversity.pictured must be at least 1, got {self.pictured}")


@dataclass(frozen=True, kw_only=True)
class AblateConfig:
    """All rows, trained from random weights under one budget, and what goes with them."""

    optimization: Optimization  # of every row
    rows: dict[str, Row | None]  # null leaves a row out
    images: int | None = None  # at most so many rendered images, the same in every row; null: all
    verified_share: float = 1.0  # of a step's objects that the teacher is asked about, in every row
    perceptual: Literal["encoder_features", "imagenet_features", "lpips"] = "imagenet_features"
    lpips_backbone: Literal["vgg", "alex"] = "vgg"
    lpips_weights: Path | None = None  # torchvision's state dict of the backbone
    held_out: HeldOut = field(default_factory=HeldOut)
    measurement: Measurement = field(default_factory=Measurement)
    stylisation: Stylisation = field(default_factory=Stylisation)
    true_views: TrueViewsConfig = field(default_factory=TrueViewsConfig)
    interpolation: Interpolation = field(default_factory=Interpolation)
    diversity: Diversity = field(default_factory=Diversity)

    def __post_init__(self) -> None:
        build_fields(self, "ablate")
        if self.images is not None and self.images < 1:
            raise ValueError(f"ablate.images must be null or at least 1, got {self.images}")
        if not 0 < self.verified_share <= 1:
            raise ValueError(f"ablate.verified_share must lie in (0, 1], got {self.verified_share}")
        for name in {**dict.fromkeys(self.rows), **ROWS}:
            if name not in ROWS:
                raise ValueError(f"ablate.rows.{name} is not a known row; known: {', '.join(ROWS)}")
            if name not in self.rows:
                raise ValueError(f"ablate.rows.{name} is missing; add it, or null to leave it out")
            self._check(name, self.rows[name])

    def _check(self, name: str, row: Row | None) -> None:
        if row is None:
            return
        if (row.quadruples is None) != (name == TRUE_VIEWS):
            must = "must be null" if name == TRUE_VIEWS else "must not be null"
            raise ValueError(
                f"ablate.rows.{name}.quadruples {must}: only {TRUE_VIEWS} learns from the meshes' "
                "drawn views instead"
            )
        if row.quadruples is not None:
            self._check_mix(name, row.quadruples)
        if row.same_as is None:
            return
        other = self.rows.get(row.same_as)
        if other is None or other.same_as is not None:
            raise ValueError(
                f"ablate.rows.{name}.same_as must name a row that is trained, got {row.same_as}"
            )

    def _check_mix(self, name: str, mix: Mix) -> None:
        if mix.synthetic > 0 and ROWS[name] != "IV":
            raise ValueError(
                f"ablate.rows.{name}.quadruples.synthetic must be 0: only rows of Table IV read "
                "stylised quadruples"
            )
        if mix.background == "white" and name != "background_fixed":
            raise ValueError(
                f"ablate.rows.{name}.quadruples.background must be random: only background_fixed "
                "reads quadruples over white"
            )
