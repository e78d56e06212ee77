"""Pictures that the report shows: made once, while the objects are in memory."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn import functional as F

from dd3g_kedro.benchmark.config import PicturesConfig
from dd3g_kedro.benchmark.methods.lifters import rendered
from dd3g_kedro.benchmark.protocol import Manifest
from dd3g_kedro.benchmark.tables.strips import INPUT, TRUTH, TURNTABLE, VIEWS, tiled, webp
from dd3g_kedro.benchmark.tables.turntables import turntable
from dd3g_kedro.benchmark.truth.views import OBJECT_FAILURES, BenchmarkObject, evenly
from dd3g_kedro.core.objective.background import composite
from dd3g_kedro.core.types import Cameras, Gaussians, byte_rows

if TYPE_CHECKING:
    import pandas as pd

_LOG = logging.getLogger(__name__)
_QUALITY = 88  # of lossy WebP
_FIELDS = ("object_id", "kind", "method", "frames", "columns", "positions", "azimuths_deg", "webp")


@dataclass(frozen=True)
class Seen:
    """What a method made of one object."""

    images: Float[Tensor, "v 3 h w"]  # at the targets' cameras
    gaussians: Gaussians | None  # None: the method only makes pictures


@dataclass(frozen=True)
class KeptPicture:
    """Frames tiled row by row in one WebP picture."""

    object_id: str
    kind: str  # INPUT, TRUTH, VIEWS or TURNTABLE
    method: str  # "" for what is no method's
    frames: int
    columns: int  # of the tiling
    positions: tuple[int, ...]  # of the frames among the object's views; none in a turntable
    azimuths_deg: tuple[float, ...]  # from the input
    webp: bytes


def kept_pictures(
    truth: BenchmarkObject,
    seen: Mapping[str, Seen],
    manifest: Manifest,
    config: PicturesConfig,
) -> list[KeptPicture]:
    """The input, the truth, every method's views and the turntable of what is an object."""
    name, grey = truth.sighting.object_id, torch.full((1, 3), manifest.background)
    positions = tuple(evenly(range(len(truth.azimuths_deg)), config.views))
    azimuths = tuple(truth.azimuths_deg[position] for position in positions)

    def sheet(kind: str, method: str, images: Tensor) -> KeptPicture:
        chosen = byte_rows(_shrunk(images[list(positions)], config.size))
        return _kept(name, kind, method, chosen, positions, azimuths)

    given = _shrunk(composite(truth.sighting.rgba, grey[0])[None], config.size)
    kept = [_kept(name, INPUT, "", byte_rows(given), (), (0.0,))]
    if truth.targets is not None:
        everywhere = composite(truth.targets, grey.expand(len(truth.targets), 3))
        kept.append(sheet(TRUTH, "", everywhere))
    for method, found in seen.items():
        kept.append(sheet(VIEWS, method, found.images))
        if found.gaussians is not None and config.frames:
            kept += _turned(name, method, found.gaussians, manifest, config)
    return kept


def kept_table(kept: list[KeptPicture], protocol: str) -> pd.DataFrame:
    """A row for each picture: protocol and the fields of `KeptPicture`."""
    import pandas as pd

    rows = [{field: getattr(picture, field) for field in _FIELDS} for picture in kept]
    table = pd.DataFrame(rows, columns=list(_FIELDS))
    table.insert(0, "protocol", protocol)
    return table


def _turned(
    name: str, method: str, gaussians: Gaussians, manifest: Manifest, config: PicturesConfig
) -> list[KeptPicture]:
    background = torch.full((1, 3), manifest.background)

    def seen(cameras: Cameras) -> Float[Tensor, "f 3 s s"]:
        return rendered(gaussians, cameras, config.turntable_size, background)

    try:
        frames = turntable(seen, config.frames, config.elevation_deg, manifest.drawing.rig)
    except OBJECT_FAILURES as error:
        _LOG.warning("pictures: no turntable of %s (%s): %s", name, method, error)
        return []
    azimuths = tuple(360 * frame / config.frames for frame in range(config.frames))
    return [_kept(name, TURNTABLE, method, frames, (), azimuths)]


def _kept(
    name: str,
    kind: str,
    method: str,
    frames: UInt8[np.ndarray, "f s s 3"],
    positions: tuple[int, ...],
    azimuths: tuple[float, ...],
) -> KeptPicture:
    columns = math.ceil(math.sqrt(len(frames)))
    picture = webp(tiled(frames, columns), _QUALITY)
    return KeptPicture(name, kind, method, len(frames), columns, positions, azimuths, picture)


def _shrunk(images: Float[Tensor, "v 3 h w"], size: int) -> Float[Tensor, "v 3 s s"]:
    """At most `size` pixels a side."""
    if images.shape[-1] <= size:
        return images
    return F.interpolate(images.float(), (size, size), mode="area")
