"""RTMV scenes, RTMV-bricks among them: one folder a scene, one scene an object.

A scene's folder holds numbered frames, `00000.exr` and `00000.json` and so on (see
`rtmv_frames`); its axes are Blender's, z up, as ours are.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float

from dd3g_kedro.benchmark.truth.rtmv_frames import RtmvFrame, read_frame
from dd3g_kedro.benchmark.truth.views import (
    BenchmarkObject,
    ObjectHandle,
    Sighting,
    evenly,
)
from dd3g_kedro.core.errors import InvalidImage
from dd3g_kedro.core.types import Cameras


def rtmv_objects(
    folder: Path, names: Sequence[str] | None, size: int, targets: int
) -> list[ObjectHandle]:
    """The named scenes in the list's order, or all of the folder by name.

    The input is a scene's first frame, the targets are `targets` frames evenly spaced over the
    others. A name that is not there becomes a handle whose `load` raises.

    Raises:
        InvalidImage: there is no such folder, or no scene in it.
    """
    found = _scenes(folder)
    if not found:
        state = "no such folder"
        if folder.is_dir():
            state = "one scene: name the folder that it lies in" if _frames(folder) else "none"
        raise InvalidImage(
            f"{folder}: expected folders of RTMV scenes (00000.exr, 00000.json, ...), found {state}"
        )
    wanted = found if names is None else names
    return [
        ObjectHandle(name, partial(_load, folder, name, name in found, size, targets))
        for name in wanted
    ]


def _scenes(folder: Path) -> list[str]:
    if not folder.is_dir():
        return []
    return sorted(path.name for path in folder.iterdir() if path.is_dir() and _frames(path))


def _frames(scene: Path) -> dict[str, set[str]]:
    """The numbers of the frames, and which of `.exr` and `.json` each has."""
    found: dict[str, set[str]] = {}
    for path in sorted(scene.iterdir()):
        if path.suffix in (".exr", ".json") and path.stem.isdecimal():  # no 00000.depth.exr
            found.setdefault(path.stem, set()).add(path.suffix)
    return found


def _load(folder: Path, name: str, is_there: bool, size: int, targets: int) -> BenchmarkObject:
    scene = folder / name
    if not is_there:
        raise InvalidImage(
            f"{scene}: expected a folder with an RTMV scene (00000.exr, 00000.json, ...), found "
            "none; download the scene, or take its name off the list"
        )
    numbers = _frames(scene)
    for number, suffixes in numbers.items():
        for missing in {".exr", ".json"} - suffixes:
            raise InvalidImage(
                f"{scene / number}{missing}: missing beside {number}{min(suffixes)}; download the "
                "scene again, for other frames would be chosen without it"
            )
    first, *rest = numbers
    if len(rest) < targets:
        raise InvalidImage(
            f"{scene}: expected at least {targets + 1} frames, the input and {targets} targets, "
            f"found {len(numbers)}; download the scene again"
        )
    chosen = (first, *evenly(rest, targets))
    return _placed(scene, [read_frame(scene / number, size) for number in chosen])


def _placed(scene: Path, frames: Sequence[RtmvFrame]) -> BenchmarkObject:
    """The frames in our world: the object in the unit box, the input's camera at azimuth 0.

    Ours: the object's box is the exact box, along the scene's axes, of all points that the depth
    of these frames shows; it is centred and its longest side scaled to 1, as meshes are.
    """
    low = np.min([frame.low for frame in frames], axis=0)
    high = np.max([frame.high for frame in frames], axis=0)
    side = float((high - low).max())
    if side < 1e-9:
        raise InvalidImage(f"{scene}: its depth shows a single point; take the scene off the list")
    centre = (low + high) / 2
    east, north = (frames[0].camera_to_world[:3, 3] - centre)[:2]
    turn = _about_the_vertical(-math.atan2(north, east))
    matrices, angles = [], []
    for frame in frames:
        rotation = turn @ frame.camera_to_world[:3, :3]
        position = turn @ (frame.camera_to_world[:3, 3] - centre) / side
        matrix = np.eye(4)
        matrix[:3, :3], matrix[:3, 3] = rotation.T, -rotation.T @ position
        matrices.append(matrix)
        angles.append(_angles_deg(position))
    cameras = Cameras(
        torch.from_numpy(np.stack(matrices)[None]).float(),
        torch.from_numpy(np.stack([frame.intrinsics for frame in frames])[None]).float(),
    )
    return BenchmarkObject(
        sighting=Sighting(rgba=frames[0].rgba, camera=_part(cameras, slice(0, 1))),
        targets=torch.stack([frame.rgba for frame in frames[1:]]),
        cameras=_part(cameras, slice(1, None)),
        azimuths_deg=tuple(azimuth for azimuth, _ in angles[1:]),
        elevations_deg=tuple(elevation for _, elevation in angles[1:]),
    )


def _part(cameras: Cameras, views: slice) -> Cameras:
    return Cameras(cameras.world_to_camera[:, views], cameras.intrinsics[:, views])


def _about_the_vertical(angle: float) -> Float[np.ndarray, "3 3"]:
    cos, sin = math.cos(angle), math.sin(angle)
    return np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])


def _angles_deg(position: Float[np.ndarray, "3"]) -> tuple[float, float]:
    """Azimuth in [0, 360) and elevation, seen from the origin."""
    x, y, z = (float(value) for value in position)
    azimuth = math.degrees(math.atan2(y, x)) % 360
    return 0.0 if azimuth >= 360 else azimuth, math.degrees(math.atan2(z, math.hypot(x, y)))
