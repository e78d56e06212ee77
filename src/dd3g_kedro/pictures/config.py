"""What pictures may be, and how a folder of them is inspected, judged and shown."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from dd3g_kedro.core.config_building import build_fields


@dataclass(frozen=True, kw_only=True)
class ImageLimits:
    """What is refused before a single pixel is decoded."""

    max_megapixels: float = 50.0
    max_megabytes: float = 200.0  # of the file

    def __post_init__(self) -> None:
        build_fields(self, "limits")
        if not 0 < self.max_megapixels <= 178:
            raise ValueError(
                "limits.max_megapixels must lie in (0, 178] (the decoder refuses more), "
                f"got {self.max_megapixels}"
            )
        if self.max_megabytes <= 0:
            raise ValueError(f"limits.max_megabytes must be positive, got {self.max_megabytes}")


@dataclass(frozen=True, kw_only=True)
class Framing:
    """Where the object lies in the picture that the student sees."""

    recentre: Literal["always", "when_needed", "never"] = "when_needed"
    border_ratio: float = 0.3  # recentred: the longest side fills 1 - border_ratio of the picture
    # `when_needed` leaves a picture alone whose object is centred and neither large nor small:
    centre_tolerance: float = 0.08  # distance of the box's centre from the picture's, in sides
    extent: tuple[float, float] = (0.4, 0.85)  # the box's longest side, in picture sides

    def __post_init__(self) -> None:
        build_fields(self, "generate.framing")
        if not 0 <= self.border_ratio < 0.9:
            raise ValueError(
                f"generate.framing.border_ratio must lie in [0, 0.9), got {self.border_ratio}"
            )
        if not 0 <= self.centre_tolerance <= 0.5:
            raise ValueError(
                "generate.framing.centre_tolerance must lie in [0, 0.5], "
                f"got {self.centre_tolerance}"
            )
        if not 0 <= self.extent[0] < self.extent[1] <= 1:
            raise ValueError(
                "generate.framing.extent must be two rising numbers in [0, 1], "
                f"got {list(self.extent)}"
            )


@dataclass(frozen=True, kw_only=True)
class InspectionConfig:
    """How a folder is inspected."""

    workers: int | None = None  # processes; none: as many as the machine gives
    thumbnail: int = 128  # pixels, the longer side of the contact sheet's pictures
    limits: ImageLimits = field(default_factory=ImageLimits)

    def __post_init__(self) -> None:
        build_fields(self, "inspection")
        if self.workers is not None and self.workers < 1:
            raise ValueError(f"inspection.workers must be at least 1 or null, got {self.workers}")
        if not 16 <= self.thumbnail <= 512:
            raise ValueError(f"inspection.thumbnail must lie in [16, 512], got {self.thumbnail}")


@dataclass(frozen=True, kw_only=True)
class ImageCriteria:
    """Which pictures are good enough to be lifted to 3D. Ours: the paper only says `RGBA`."""

    min_side: int = 64  # pixels, of the shorter side
    coverage: tuple[float, float] = (0.01, 0.95)  # share of pixels that the object covers
    max_border_contact: float = 0.1  # share of one side that the object touches
    max_off_centre: float = 0.35  # of the object's box, in longer sides of the picture
    max_parts: int = 24  # unconnected pieces
    min_largest_part: float = 0.25  # share of the object in its largest piece
    min_sharpness: float = 0.1  # 1 is sharp, 0 is blurred beyond change
    max_clipped: float = 0.97  # share of the object that is pure black or pure white
    duplicate_distance: int = 4  # bits of the perceptual hash that near-duplicates differ in
    duplicate_color: float = 0.03  # and the difference of their mean colours

    def __post_init__(self) -> None:
        build_fields(self, "criteria")
        low, high = self.coverage
        if not 0 <= low < high <= 1:
            raise ValueError(
                f"criteria.coverage must be two rising numbers in [0, 1], got {[low, high]}"
            )
        for key in (
            "max_border_contact",
            "max_off_centre",
            "min_largest_part",
            "min_sharpness",
            "max_clipped",
            "duplicate_color",
        ):
            if not 0 <= getattr(self, key) <= 1:
                raise ValueError(f"criteria.{key} must lie in [0, 1], got {getattr(self, key)}")
        for key in ("min_side", "max_parts"):
            if getattr(self, key) < 1:
                raise ValueError(f"criteria.{key} must be at least 1, got {getattr(self, key)}")
        if not -1 <= self.duplicate_distance <= 64:
            raise ValueError(
                "criteria.duplicate_distance must lie in [-1, 64] (-1: near-duplicates stay), "
                f"got {self.duplicate_distance}"
            )


@dataclass(frozen=True, kw_only=True)
class ContactSheetConfig:
    """The page to look at."""

    embed_up_to: int = 500  # pictures within the page; more go to files beside it

    def __post_init__(self) -> None:
        build_fields(self, "contact_sheet")
        if self.embed_up_to < 0:
            raise ValueError(
                f"contact_sheet.embed_up_to must not be negative, got {self.embed_up_to}"
            )


@dataclass(frozen=True, kw_only=True)
class ValidateConfig:
    """The validate pipeline."""

    inspection: InspectionConfig = field(default_factory=InspectionConfig)
    criteria: ImageCriteria = field(default_factory=ImageCriteria)
    contact_sheet: ContactSheetConfig = field(default_factory=ContactSheetConfig)

    def __post_init__(self) -> None:
        build_fields(self, "validate")
