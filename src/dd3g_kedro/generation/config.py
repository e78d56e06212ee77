"""How a picture becomes an object on disk."""

from __future__ import annotations

from dataclasses import field
from typing import Annotated

from pydantic import Field, PositiveInt

from dd3g_kedro.core.config_building import ElevationDeg, Seed, Share, configuration
from dd3g_kedro.core.geometry.config import CameraRig
from dd3g_kedro.pictures.config import Framing, ImageLimits


@configuration
class Pictures:
    """The contact sheet and the turntable."""

    views: PositiveInt = 8  # of the contact sheet, evenly over 360 degrees
    frames: PositiveInt = 36  # of the turntable
    frame_ms: Annotated[int, Field(ge=20)] = 80  # viewers slow faster ones down
    size: PositiveInt = 256  # pixels a side
    elevation_deg: ElevationDeg = 5.0
    rig: CameraRig = field(default_factory=CameraRig)


@configuration
class GenerateConfig:
    """One call of the generate pipeline."""

    seed: Seed = 0  # of N; the same seed gives the same bytes
    variants: PositiveInt = 1  # objects a picture, with seeds seed, seed + 1, ...
    name: str | None = None  # of the output folder; none: the picture's name
    remove_background: bool = True  # of opaque pictures on a uniform background
    background: Share = 1.0  # sRGB grey behind the student's input and in pictures; 1 is white
    autocast: bool = False  # the student in bfloat16 where the hardware has it
    framing: Framing = field(default_factory=Framing)
    pictures: Pictures = field(default_factory=Pictures)
    limits: ImageLimits = field(default_factory=ImageLimits)  # of the files that are read

    def __post_init__(self) -> None:
        if self.name is not None and (
            not self.name.strip() or self.name.startswith(".") or set(self.name) & set('/\\:*?"<>|')
        ):
            raise ValueError(
                "name must be a plain folder name without slashes, not starting with a dot, "
                f"got {self.name!r}"
            )
