"""How meshes are lit, made and collected; light, Kedro reads it at its start."""

from __future__ import annotations

import math
from dataclasses import field
from pathlib import Path
from typing import Annotated

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt

from dd3g_kedro.core.config_building import Seed, configuration
from dd3g_kedro.core.geometry.config import CameraRig


@configuration
class Lighting:
    """One soft light, fixed in the world: ambient + key (1 + n.d) / 2 times the colour.

    Ours: in sRGB values and close to one, so that shapes read well and colours stay the albedo.
    """

    ambient: NonNegativeFloat = 0.62
    key: NonNegativeFloat = 0.46
    direction: tuple[float, float, float] = (0.55, -0.35, 0.76)  # towards the light, world frame

    def __post_init__(self) -> None:
        if math.hypot(*self.direction) == 0:
            raise ValueError(f"direction must not be all zero, got {self.direction}")


UNLIT = Lighting(ambient=1.0, key=0.0)


@configuration
class ProceduralObjects:
    """Which procedural objects are made. The families left empty: all of them."""

    families: tuple[str, ...] = ()
    held_out: tuple[str, ...] = ()  # families that only the benchmark shows
    count: PositiveInt  # objects to learn from, the families in turn
    # held-out objects: the held-out families first, then new ones of others
    benchmark_count: PositiveInt

    def __post_init__(self) -> None:
        if self.families and set(self.families) <= set(self.held_out):
            raise ValueError(f"held_out must leave one of families ({', '.join(self.families)})")


@configuration
class Drawing:
    """What all pictures of meshes share."""

    size: Annotated[int, Field(ge=8)] = 256  # pixels
    supersample: PositiveInt = 3  # samples a pixel's side
    # Ours: the farthest that a point may be from the centre. The rig's cameras see a sphere of
    # 0.62 whole; bulky objects are shrunk to a little less, a full unit box would be cut off.
    reach: PositiveFloat = 0.6
    rig: CameraRig = field(default_factory=CameraRig)
    lighting: Lighting = field(default_factory=Lighting)

    def __post_init__(self) -> None:
        if not self.reach < self.rig.radius:
            raise ValueError(
                f"reach must be less than {self.rig.radius}, the cameras' distance, "
                f"got {self.reach}"
            )


@configuration
class FrontViews:
    """From where the pictures to learn from are drawn: uniform within the ranges, per object."""

    azimuth_deg: tuple[float, float]
    elevation_deg: tuple[float, float]
    per_object: PositiveInt = 1  # pictures of each
    seed: Seed = 0

    def __post_init__(self) -> None:
        for name in ("azimuth_deg", "elevation_deg"):
            low, high = getattr(self, name)
            if low > high:
                raise ValueError(f"{name}: expected [low, high], got [{low}, {high}]")


@configuration
class BenchmarkViews:
    """From where the benchmark's objects are drawn; its input is seen from azimuth 0."""

    azimuths_deg: Annotated[tuple[float, ...], Field(min_length=1)]
    elevation_deg: float


@configuration
class CollectConfig:
    """The pipeline `collect`: objects, pictures of them, and the benchmark's views."""

    meshes: Path | None = None  # a folder of meshes to draw instead of the procedural ones
    split: str | None = None  # of that folder's catalog.csv, such as train
    procedural_too: bool = False  # beside that folder's
    benchmark_meshes: Path | None = None  # a folder to draw instead of the held-out procedural ones
    benchmark_split: str | None = None  # of that folder's catalog.csv, such as test
    workers: PositiveInt | None = None  # processes; None: all cores
    objects: ProceduralObjects
    drawing: Drawing
    front: FrontViews
    benchmark: BenchmarkViews

    def __post_init__(self) -> None:
        for meshes, split in (("meshes", "split"), ("benchmark_meshes", "benchmark_split")):
            if getattr(self, meshes) is None and getattr(self, split) is not None:
                raise ValueError(
                    f"{split} filters a mesh folder's catalog.csv, but {meshes} is null; name the "
                    "folder or leave the split out"
                )
