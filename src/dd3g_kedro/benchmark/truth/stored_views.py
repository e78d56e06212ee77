"""Benchmark objects whose views were drawn once and stored."""

from __future__ import annotations

import io
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from dd3g_kedro.benchmark.truth.views import (
    BenchmarkObject,
    ObjectHandle,
    benchmark_object,
)
from dd3g_kedro.core.errors import InvalidImage, InvalidShard
from dd3g_kedro.objects.config import BenchmarkViews, Drawing
from dd3g_kedro.objects.views import VIEW_COLUMNS

if TYPE_CHECKING:
    import pandas as pd

INPUT_VIEW = "input"
_SAME_DEG = 1e-3


class StoredViews:
    """The stored benchmark views: a Parquet file, of which one object at a time is read.

    A row is a view: object_id, view (one is `input`), azimuth_deg, elevation_deg, png (RGBA).
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def names(self) -> list[str]:
        """The objects, in the file's order.

        Raises:
            InvalidShard: the file is missing, damaged, another table's, or empty.
        """
        from pyarrow import ArrowException, parquet

        again = "Fetch it with `dvc pull`, or make it with `kedro run --pipelines=collect`."
        if not self.path.is_file():
            raise InvalidShard(f"{self.path}: expected benchmark views, found no file. {again}")
        try:
            table = parquet.read_table(self.path, columns=["object_id"])
            missing = set(VIEW_COLUMNS) - set(parquet.read_schema(self.path).names)
        except (ArrowException, OSError) as error:
            raise InvalidShard(
                f"{self.path}: expected benchmark views (Parquet), found a damaged file or one of "
                f"another kind ({error}). {again}"
            ) from error
        if missing or not len(table):
            found = f"no column {min(missing)}" if missing else "no rows"
            raise InvalidShard(f"{self.path}: expected benchmark views, found {found}. {again}")
        return [str(name) for name in table["object_id"].unique().to_pylist()]

    def rows(self, name: str) -> pd.DataFrame:
        """One object's views."""
        from pyarrow import parquet

        wanted = [("object_id", "==", name)]
        return parquet.read_table(self.path, columns=list(VIEW_COLUMNS), filters=wanted).to_pandas()


def stored_objects(
    stored: StoredViews, drawing: Drawing, views: BenchmarkViews
) -> list[ObjectHandle]:
    """The objects of the stored benchmark views, in the file's order.

    An object whose views were drawn from elsewhere than `views` says, fails when it is loaded.

    Raises:
        InvalidShard: there are none.
    """
    return [
        ObjectHandle(name, partial(_stored_object, stored, name, drawing, views))
        for name in stored.names()
    ]


def _stored_object(
    stored: StoredViews, name: str, drawing: Drawing, views: BenchmarkViews
) -> BenchmarkObject:
    rows = stored.rows(name)
    inputs = rows[rows["view"] == INPUT_VIEW]
    targets = rows[rows["view"] != INPUT_VIEW]
    if len(inputs) != 1 or not len(targets):
        raise InvalidImage(
            f"benchmark_views: expected one view named {INPUT_VIEW!r} and at least one other, "
            f"got {len(inputs)} and {len(targets)}; run the collect pipeline again"
        )
    azimuths, elevations, pictures = (
        [*inputs[column], *targets[column]] for column in ("azimuth_deg", "elevation_deg", "png")
    )
    images = torch.stack([_decode(picture, drawing.size) for picture in pictures])
    found = benchmark_object(images, azimuths, elevations, drawing.rig)
    _require_same_views(found, elevations[0], views)
    return found


def _require_same_views(found: BenchmarkObject, elevation: float, views: BenchmarkViews) -> None:
    seen = np.array([found.azimuths_deg, found.elevations_deg])
    wanted = np.array([[a % 360, views.elevation_deg] for a in views.azimuths_deg]).T
    near = seen.shape == wanted.shape and _apart(seen, wanted) < _SAME_DEG
    if not near or abs(elevation - views.elevation_deg) >= _SAME_DEG:
        raise InvalidImage(
            f"benchmark_views: the protocol has azimuths {list(views.azimuths_deg)} at elevation "
            f"{views.elevation_deg:g}, the stored views {[round(a, 3) for a in seen[0]]} at "
            f"{sorted({elevation, *seen[1]})}; run the collect pipeline with the protocol's views, "
            "or set evaluate.protocol to another"
        )


def _apart(some: Float[np.ndarray, "2 v"], others: Float[np.ndarray, "2 v"]) -> float:
    """The largest difference of two lists of angles, in degrees, the way round that is shorter."""
    return float(np.abs((some - others + 180) % 360 - 180).max())


def _decode(png: bytes, size: int) -> Float[Tensor, "4 {size} {size}"]:
    try:
        with Image.open(io.BytesIO(png), formats=["PNG"]) as picture:
            found = picture.size
            pixels = np.array(picture.convert("RGBA")) if found == (size, size) else None
    except (OSError, SyntaxError, ValueError) as error:
        raise InvalidImage(f"benchmark_views: a view is no readable PNG ({error})") from error
    if pixels is None:
        raise InvalidImage(
            f"benchmark_views: expected views of {size}x{size} pixels "
            f"(the protocol's drawing.size), got {found[0]}x{found[1]}; run the collect pipeline "
            "with that size, or set evaluate.protocol to another"
        )
    return torch.from_numpy(pixels).permute(2, 0, 1).float() / 255
