"""Pictures without ground truth, such as the 200 of the paper's CLIP similarity (Fig. 5)."""

from __future__ import annotations

from collections import Counter
from functools import partial
from pathlib import Path

from dd3g_kedro.benchmark.truth.views import BenchmarkObject, ObjectHandle, Sighting, ring
from dd3g_kedro.core.errors import InvalidImage
from dd3g_kedro.core.geometry import CameraRig
from dd3g_kedro.objects.config import BenchmarkViews
from dd3g_kedro.pictures.config import Framing, ImageLimits
from dd3g_kedro.pictures.decoding import SUFFIXES
from dd3g_kedro.pictures.framing import frame
from dd3g_kedro.pictures.reading import read_rgba


def image_objects(
    folder: Path, size: int, rig: CameraRig, views: BenchmarkViews
) -> list[ObjectHandle]:
    """The pictures of a folder by name, each an object that is only known from its front.

    Ours: a picture counts as taken from azimuth 0 at the views' elevation, and is recentred when
    needed, as `generate` does. One that cannot be used becomes a handle whose `load` raises.

    Raises:
        InvalidImage: there is no such folder, or no picture in it.
    """
    pictures = _pictures(folder)
    stems = Counter(path.stem for path in pictures)
    return [
        ObjectHandle(
            path.stem if stems[path.stem] == 1 else path.name,
            partial(_load, path, size, rig, views),
        )
        for path in pictures
    ]


def _pictures(folder: Path) -> list[Path]:
    entries = sorted(folder.iterdir()) if folder.is_dir() else []
    pictures = [
        path
        for path in entries
        if path.suffix.lower() in SUFFIXES and path.is_file() and not path.name.startswith(".")
    ]
    if not pictures:
        state = f"none among its {len(entries)} entries" if folder.is_dir() else "no such folder"
        raise InvalidImage(
            f"{folder}: expected a folder of pictures ({', '.join(SUFFIXES)}), found {state}"
        )
    return pictures


def _load(path: Path, size: int, rig: CameraRig, views: BenchmarkViews) -> BenchmarkObject:
    rgba = frame(read_rgba(path, ImageLimits()), size, Framing())
    elevations = (views.elevation_deg,) * len(views.azimuths_deg)
    return BenchmarkObject(
        sighting=Sighting(rgba=rgba, camera=ring([0.0], [views.elevation_deg], rig)),
        targets=None,
        cameras=ring(views.azimuths_deg, elevations, rig),
        azimuths_deg=tuple(azimuth % 360 for azimuth in views.azimuths_deg),
        elevations_deg=elevations,
    )
