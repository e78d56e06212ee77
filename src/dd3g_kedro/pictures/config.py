"""What pictures may be, and how a folder of them is inspected, judged and shown."""

from __future__ import annotations

from dataclasses import field
from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt

from dd3g_kedro.core.config_building import Share, configuration


@configuration
class ImageLimits:
    """What is refused before a single pixel is decoded."""

    max_megapixels: Annotated[float, Field(gt=0, le=178)] = 50.0  # the decoder refuses more
    max_megabytes: PositiveFloat = 200.0  # of the file


@configuration
class Framing:
    """Where the object lies in the picture that the student sees."""

    recentre: Literal["always", "when_needed", "never"] = "when_needed"
    # recentred: the longest side fills 1 - border_ratio of the picture
    border_ratio: Annotated[float, Field(ge=0, lt=0.9)] = 0.3
    # `when_needed` leaves a picture alone whose object is centred and neither large nor small:
    # distance of the box's centre from the picture's, in sides:
    centre_tolerance: Annotated[float, Field(ge=0, le=0.5)] = 0.08
    extent: tuple[Share, Share] = (0.4, 0.85)  # the box's longest side, in picture sides

    def __post_init__(self) -> None:
        low, high = self.extent
        if low >= high:
            raise ValueError(f"extent must be two rising numbers in [0, 1], got {[low, high]}")


@configuration
class InspectionConfig:
    """How a folder is inspected."""

    workers: PositiveInt | None = None  # processes; none: as many as the machine gives
    # pixels, the longer side of the contact sheet's pictures:
    thumbnail: Annotated[int, Field(ge=16, le=512)] = 128
    limits: ImageLimits = field(default_factory=ImageLimits)


@configuration
class ImageCriteria:
    """Which pictures are good enough to be lifted to 3D. Ours: the paper only says `RGBA`."""

    min_side: PositiveInt = 64  # pixels, of the shorter side
    coverage: tuple[Share, Share] = (0.01, 0.95)  # share of pixels that the object covers
    max_border_contact: Share = 0.1  # share of one side that the object touches
    max_off_centre: Share = 0.35  # of the object's box, in longer sides of the picture
    max_parts: PositiveInt = 24  # unconnected pieces
    min_largest_part: Share = 0.25  # share of the object in its largest piece
    min_sharpness: Share = 0.1  # 1 is sharp, 0 is blurred beyond change
    max_clipped: Share = 0.97  # share of the object that is pure black or pure white
    # bits of the perceptual hash that near-duplicates differ in; -1: near-duplicates stay
    duplicate_distance: Annotated[int, Field(ge=-1, le=64)] = 4
    duplicate_color: Share = 0.03  # and the difference of their mean colours

    def __post_init__(self) -> None:
        low, high = self.coverage
        if low >= high:
            raise ValueError(f"coverage must be two rising numbers in [0, 1], got {[low, high]}")


@configuration
class ContactSheetConfig:
    """The page to look at."""

    embed_up_to: NonNegativeInt = 500  # pictures within the page; more go to files beside it


@configuration
class ValidateConfig:
    """The validate pipeline."""

    inspection: InspectionConfig = field(default_factory=InspectionConfig)
    criteria: ImageCriteria = field(default_factory=ImageCriteria)
    contact_sheet: ContactSheetConfig = field(default_factory=ContactSheetConfig)
