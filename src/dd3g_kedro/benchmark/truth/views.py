"""Objects with ground-truth views."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import torch
from jaxtyping import Float
from torch import Tensor

from dd3g_kedro.core.errors import DD3GError
from dd3g_kedro.core.geometry import CameraRig, orbit
from dd3g_kedro.core.types import Cameras

T = TypeVar("T")
# What an object or a method can do wrong; anything else is a bug and ends the run.
OBJECT_FAILURES = (DD3GError, ValueError, ArithmeticError, OSError)


@dataclass(frozen=True)
class Sighting:
    """All that a method is given: one picture and where it was taken from."""

    rgba: Float[Tensor, "4 h w"]  # straight alpha
    camera: Cameras  # b = v = 1; azimuth 0: the world turns so that the input is the front
    object_id: str = ""  # under which another system's output of this picture is found


@dataclass(frozen=True)
class BenchmarkObject:
    """One object's input view and, where it is known, the truth at other cameras."""

    sighting: Sighting
    targets: Float[Tensor, "v 4 h w"] | None  # straight alpha; None: no ground truth
    cameras: Cameras  # b = 1, of the targets, relative to the input's azimuth
    azimuths_deg: tuple[float, ...]  # of the targets, relative to the input's, in [0, 360)
    elevations_deg: tuple[float, ...]

    def named(self, name: str) -> BenchmarkObject:
        """The same object, its sighting under this name."""
        return replace(self, sighting=replace(self.sighting, object_id=name))

    @property
    def novel(self) -> tuple[bool, ...]:
        """Which targets stand elsewhere than the input's camera."""
        pairs = self.cameras.world_to_camera[0] - self.sighting.camera.world_to_camera[0]
        return tuple(bool(far) for far in pairs.abs().amax(dim=(1, 2)) > 1e-4)


@dataclass(frozen=True)
class ObjectHandle:
    """An object that is loaded when its turn comes."""

    name: str
    load: Callable[[], BenchmarkObject]


def ring(azimuths_deg: Sequence[float], elevations_deg: Sequence[float], rig: CameraRig) -> Cameras:
    """Cameras (b = 1) at the given angles in degrees."""
    azimuths, elevations = (
        torch.tensor([[math.radians(angle) for angle in angles]], dtype=torch.float32)
        for angles in (azimuths_deg, elevations_deg)
    )
    return orbit(azimuths, elevations, rig)


def benchmark_object(
    pictures: Float[Tensor, "v 4 h w"],
    azimuths_deg: Sequence[float],
    elevations_deg: Sequence[float],
    rig: CameraRig,
) -> BenchmarkObject:
    """The first picture is the input; every azimuth is taken relative to its own."""
    relative = tuple((azimuth - azimuths_deg[0]) % 360 for azimuth in azimuths_deg)
    cameras = ring(relative, elevations_deg, rig)
    first, rest = (
        Cameras(cameras.world_to_camera[:, part], cameras.intrinsics[:, part])
        for part in (slice(0, 1), slice(1, None))
    )
    return BenchmarkObject(
        sighting=Sighting(rgba=pictures[0], camera=first),
        targets=pictures[1:],
        cameras=rest,
        azimuths_deg=relative[1:],
        elevations_deg=tuple(elevations_deg[1:]),
    )


def evenly(items: Sequence[T], limit: int | None) -> list[T]:
    """At most `limit` items, evenly spaced: a sorted folder's families all stay in."""
    if limit is None or limit >= len(items):
        return list(items)
    return [items[index * len(items) // limit] for index in range(limit)]
