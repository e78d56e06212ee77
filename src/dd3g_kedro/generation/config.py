"""How a picture becomes an object on disk."""

from __future__ import annotations

from dataclasses import dataclass, field

from dd3g_kedro.core.config_building import build_fields
from dd3g_kedro.core.geometry.config import CameraRig
from dd3g_kedro.pictures.config import Framing, ImageLimits


@dataclass(frozen=True, kw_only=True)
class Pictures:
    """The contact sheet and the turntable."""

    views: int = 8  # of the contact sheet, evenly over 360 degrees
    frames: int = 36  # of the turntable
    frame_ms: int = 80
    size: int = 256  # pixels a side
    elevation_deg: float = 5.0
    rig: CameraRig = field(default_factory=CameraRig)

    def __post_init__(self) -> None:
        build_fields(self, "generate.pictures")
        for key in ("views", "frames", "size"):
            if getattr(self, key) < 1:
                raise ValueError(
                    f"generate.pictures.{key} must be at least 1, got {getattr(self, key)}"
                )
        if self.frame_ms < 20:
            raise ValueError(
                "generate.pictures.frame_ms must be at least 20 (viewers slow faster GIFs down), "
                f"got {self.frame_ms}"
            )
        if not -90 < self.elevation_deg < 90:
            raise ValueError(
                f"generate.pictures.elevation_deg must lie in (-90, 90), got {self.elevation_deg}"
            )


@dataclass(frozen=True, kw_only=True)
class GenerateConfig:
    """One call of the generate pipeline."""

    seed: int = 0  # of N; the same seed gives the same bytes
    variants: int = 1  # objects a picture, with seeds seed, seed + 1, ...
    name: str | None = None  # of the output folder; none: the picture's name
    remove_background: bool = True  # of opaque pictures on a uniform background
    background: float = 1.0  # sRGB grey behind the student's input and in pictures; 1 is white
    autocast: bool = False  # the student in bfloat16 where the hardware has it
    framing: Framing = field(default_factory=Framing)
    pictures: Pictures = field(default_factory=Pictures)
    limits: ImageLimits = field(default_factory=ImageLimits)  # of the files that are read

    def __post_init__(self) -> None:
        build_fields(self, "generate")
        if self.seed < 0:
            raise ValueError(f"generate.seed must not be negative, got {self.seed}")
        if self.variants < 1:
            raise ValueError(f"generate.variants must be at least 1, got {self.variants}")
        if not 0 <= self.background <= 1:
            raise ValueError(f"generate.background must lie in [0, 1], got {self.background}")
        if self.name is not None and (
            not self.name.strip() or self.name.startswith(".") or set(self.name) & set('/\\:*?"<>|')
        ):
            raise ValueError(
                "generate.name must be a plain folder name without slashes, not starting with a "
                f"dot, got {self.name!r}"
            )
