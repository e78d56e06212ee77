"""How meshes are lit, made and collected; standard library only, Kedro reads it at its start."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path

from dd3g_kedro.core.config_building import build_fields
from dd3g_kedro.core.geometry.config import CameraRig


@dataclass(frozen=True, kw_only=True)
class Lighting:
    """One soft light, fixed in the world: ambient + key (1 + n.d) / 2 times the colour.

    Ours: in sRGB values and close to one, so that shapes read well and colours stay the albedo.
    """

    ambient: float = 0.62
    key: float = 0.46
    direction: tuple[float, float, float] = (0.55, -0.35, 0.76)  # towards the light, world frame

    def __post_init__(self) -> None:
        object.__setattr__(self, "direction", tuple(self.direction))
        if self.ambient < 0 or self.key < 0:
            raise ValueError(
                "lighting.ambient and lighting.key must not be negative, "
                f"got {self.ambient} and {self.key}"
            )
        if len(self.direction) != 3 or math.hypot(*self.direction) == 0:
            raise ValueError(
                f"lighting.direction must be three numbers, not all zero, got {self.direction}"
            )


UNLIT = Lighting(ambient=1.0, key=0.0)


@dataclass(frozen=True, kw_only=True)
class ProceduralObjects:
    """Which procedural objects are made. The families left empty: all of them."""

    families: tuple[str, ...] = ()
    held_out: tuple[str, ...] = ()  # families that only the benchmark shows
    count: int  # objects to learn from, the families in turn
    benchmark_count: int  # held-out objects: the held-out families first, then new ones of others

    def __post_init__(self) -> None:
        if self.count < 1 or self.benchmark_count < 1:
            raise ValueError(
                "objects.count and objects.benchmark_count must be positive, "
                f"got {self.count} and {self.benchmark_count}"
            )
        if self.families and set(self.families) <= set(self.held_out):
            raise ValueError(
                f"objects.held_out must leave one of objects.families ({', '.join(self.families)})"
            )


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """What all pictures of meshes share."""

    size: int = 256  # pixels
    supersample: int = 3  # samples a pixel's side
    # Ours: the farthest that a point may be from the centre. The rig's cameras see a sphere of
    # 0.62 whole; bulky objects are shrunk to a little less, a full unit box would be cut off.
    reach: float = 0.6
    rig: CameraRig = field(default_factory=CameraRig)
    lighting: Lighting = field(default_factory=Lighting)

    def __post_init__(self) -> None:
        if self.size < 8 or self.supersample < 1:
            raise ValueError(
                "drawing.size must be at least 8 and drawing.supersample at least 1, "
                f"got {self.size} and {self.supersample}"
            )
        if not 0 < self.reach < self.rig.radius:
            raise ValueError(
                f"drawing.reach must lie in (0, {self.rig.radius}), the cameras' distance, "
                f"got {self.reach}"
            )


@dataclass(frozen=True, kw_only=True)
class FrontViews:
    """From where the pictures to learn from are drawn: uniform within the ranges, per object."""

    azimuth_deg: tuple[float, float]
    elevation_deg: tuple[float, float]
    per_object: int = 1  # pictures of each
    seed: int = 0

    def __post_init__(self) -> None:
        if self.per_object < 1:
            raise ValueError(f"front.per_object must be at least 1, got {self.per_object}")
        for name in ("azimuth_deg", "elevation_deg"):
            low, high = getattr(self, name)
            if low > high:
                raise ValueError(f"front.{name}: expected [low, high], got [{low}, {high}]")


@dataclass(frozen=True, kw_only=True)
class BenchmarkViews:
    """From where the benchmark's objects are drawn; its input is seen from azimuth 0."""

    azimuths_deg: tuple[float, ...]
    elevation_deg: float

    def __post_init__(self) -> None:
        if not self.azimuths_deg:
            raise ValueError("benchmark.azimuths_deg: expected at least one azimuth, got none")


@dataclass(frozen=True, kw_only=True)
class CollectConfig:
    """The pipeline `collect`: objects, pictures of them, and the benchmark's views."""

    meshes: Path | None = None  # a folder of meshes to draw instead of the procedural ones
    split: str | None = None  # of that folder's catalog.csv, such as train
    procedural_too: bool = False  # beside that folder's
    benchmark_meshes: Path | None = None  # a folder to draw instead of the held-out procedural ones
    benchmark_split: str | None = None  # of that folder's catalog.csv, such as test
    workers: int | None = None  # processes; None: all cores
    objects: ProceduralObjects
    drawing: Drawing
    front: FrontViews
    benchmark: BenchmarkViews

    def __post_init__(self) -> None:
        build_fields(self, "collect")
        for meshes, split in (("meshes", "split"), ("benchmark_meshes", "benchmark_split")):
            if getattr(self, meshes) is None and getattr(self, split) is not None:
                raise ValueError(
                    f"collect.{split} filters a mesh folder's catalog.csv, but collect.{meshes} is "
                    "null; name the folder or leave the split out"
                )
        if self.workers is not None and self.workers < 1:
            raise ValueError(f"collect.workers must be positive or null, got {self.workers}")
