"""Pictures of many meshes: fronts to learn from, and the benchmark's views."""

from __future__ import annotations

import hashlib
import io
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8
from PIL import Image, PngImagePlugin

from dd3g_kedro.core.errors import DD3GError, InvalidMesh
from dd3g_kedro.core.files import written_whole
from dd3g_kedro.core.geometry.cameras import orbit
from dd3g_kedro.core.progress import track
from dd3g_kedro.engine.processes import on_all_cores
from dd3g_kedro.objects.config import BenchmarkViews, CollectConfig, Drawing, FrontViews
from dd3g_kedro.objects.drawing import draw_mesh
from dd3g_kedro.objects.loading import load_mesh
from dd3g_kedro.objects.mesh import Mesh
from dd3g_kedro.objects.objects import (
    CatalogRow,
    meshes_of_split,
    read_catalog,
    write_table,
)
from dd3g_kedro.objects.references import files_of_mesh

SOURCE_FILE = "sources.csv"
SOURCE_COLUMNS = ("file", "name", "source", "licence", "author", "prompt")
VIEW_COLUMNS = ("object_id", "view", "azimuth_deg", "elevation_deg", "png")
_MARK = "dd3g-kedro:collect"  # in our PNG files: what they were drawn from
FRONTS = "front views 1"  # raise when a picture changes; a golden test watches
_VERSION = FRONTS.rpartition(" ")[2]
_ALONE_UP_TO = 64  # meshes
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class SkippedMesh:
    """A mesh that could not be drawn."""

    mesh: str
    reason: str


def fitted(mesh: Mesh, reach: float) -> Mesh:
    """Shrink so that no point is farther from the centre than `reach`; never enlarge."""
    farthest = float(np.linalg.norm(mesh.positions, axis=-1).max())
    factor = np.float32(min(1.0, reach / farthest))
    return replace(mesh, positions=mesh.positions * factor)


def draw_views(
    mesh: Mesh, azimuths_deg: Sequence[float], elevations_deg: Sequence[float], drawing: Drawing
) -> UInt8[np.ndarray, "v h w 4"]:
    """RGBA bytes of an object from several sides, on the CPU: the same bytes on every machine."""
    azimuth = torch.tensor([list(azimuths_deg)], dtype=torch.float64).deg2rad()
    elevation = torch.tensor([list(elevations_deg)], dtype=torch.float64).deg2rad()
    cameras = orbit(azimuth, elevation, drawing.rig)
    rgba = draw_mesh(
        fitted(mesh, drawing.reach), cameras, drawing.size, drawing.lighting, drawing.supersample
    )
    return (rgba * 255).round().byte().permute(0, 2, 3, 1).contiguous().numpy()


def png_bytes(rgba: UInt8[np.ndarray, "h w 4"], mark: str | None = None) -> bytes:
    """An RGBA picture as PNG; `mark` is written into it as text."""
    stream, info = io.BytesIO(), PngImagePlugin.PngInfo()
    if mark is not None:
        info.add_text(_MARK, mark)
    Image.fromarray(rgba).save(stream, "PNG", optimize=True, pnginfo=info)
    return stream.getvalue()


def _mark_of(path: Path) -> str | None:
    """What a PNG file of ours was drawn from; None for anyone else's."""
    try:
        with Image.open(path, formats=["PNG"]) as picture:
            mark = picture.info.get(_MARK)
            return mark if isinstance(mark, str) else None
    except (OSError, SyntaxError, ValueError):
        return None


def _front_of(name: str, front: FrontViews) -> tuple[float, float]:
    """Azimuth and elevation in degrees; the picture's name and the seed decide."""
    digest = hashlib.sha256(f"{front.seed}/{name}".encode()).digest()
    draw = torch.Generator().manual_seed(int.from_bytes(digest[:8], "little") % 2**63)
    shares = torch.rand(2, generator=draw, dtype=torch.float64).tolist()
    ranges = (front.azimuth_deg, front.elevation_deg)
    azimuth, elevation = (
        low + share * (high - low) for share, (low, high) in zip(shares, ranges, strict=True)
    )
    return azimuth, elevation


def _drawn_from(path: Path, view: tuple[float, float], drawing: Drawing) -> str:
    """A fingerprint of the mesh, every file that it names, and how it is drawn.

    Ours: not an `Identity`'s digest. The mark lies in every picture's bytes, and pictures lie in
    the repository's store: those of a mesh that names no other file keep theirs.
    """
    content = hashlib.sha256(repr((_VERSION, view, drawing)).encode())
    for file in files_of_mesh(path):
        content.update(file.read_bytes())
    return content.hexdigest()[:32]


@dataclass(frozen=True)
class _FrontJob:
    name: str
    mesh: Path
    target: Path
    front: FrontViews
    drawing: Drawing


def _draw_front(job: _FrontJob) -> SkippedMesh | None:
    view = _front_of(job.name, job.front)
    try:
        mark = _drawn_from(job.mesh, view, job.drawing)
        there = _mark_of(job.target)
        if there == mark:
            return None
        if there is None and job.target.exists():
            return SkippedMesh(
                job.name,
                f"{job.target}: a picture of this name is there that was not drawn here; it was "
                "left alone. Rename it, or the mesh.",
            )
        rgba = draw_views(load_mesh(job.mesh), view[:1], view[1:], job.drawing)[0]
    except (InvalidMesh, OSError) as error:
        return SkippedMesh(job.name, str(error))
    if not rgba[..., 3].any():
        return SkippedMesh(job.name, f"{job.mesh}: nothing of it is seen from the front")
    with written_whole(job.target) as temporary:
        temporary.write_bytes(png_bytes(rgba, mark))
    return None


def _source_row(name: str, row: CatalogRow) -> dict[str, str]:
    title = row.name or Path(row.id).name
    return {
        "file": f"{name}.png",
        "name": title,
        "source": row.source,
        "licence": row.licence,
        "author": row.author,
        "prompt": title.replace("_", " "),
    }


def draw_fronts(meshes: Sequence[Path], folder: Path, config: CollectConfig) -> list[SkippedMesh]:
    """Draw every mesh of the folders from its front into `folder`, and note their sources.

    Of the first folder only `config.split` is taken. Pictures that are there and were drawn from
    the same file in the same way are kept; pictures of ours whose mesh is no longer there are
    removed, anyone else's stay.

    Raises:
        InvalidMesh: there is no mesh, or none that can be drawn.
    """
    found: dict[str, tuple[Path, CatalogRow]] = {}
    for index, source in enumerate(meshes):
        catalog, split = read_catalog(source), None if index else config.split
        found |= {
            name: (path, catalog.get(name, CatalogRow(id=name)))
            for name, path in meshes_of_split(source, split, "collect.split").items()
        }
    pictures = {
        name if number == 0 else f"{name}.{number}": name
        for name in found
        for number in range(config.front.per_object)
    }
    jobs = [
        _FrontJob(picture, found[name][0], folder / f"{picture}.png", config.front, config.drawing)
        for picture, name in pictures.items()
    ]
    results = on_all_cores(_draw_front, jobs, config.workers, _ALONE_UP_TO)
    progress = track(results, len(jobs), "Drawing fronts", "objects")
    skipped = [result for result in progress if result is not None]
    _report(skipped, len(jobs), meshes[0])
    lost = {each.mesh for each in skipped}
    drawn = [picture for picture in pictures if picture not in lost]
    rows = [_source_row(picture, found[pictures[picture]][1]) for picture in drawn]
    write_table(folder / SOURCE_FILE, SOURCE_COLUMNS, rows)
    kept = {folder / row["file"] for row in rows}
    for path in folder.rglob("*.png"):
        if path not in kept and _mark_of(path) is not None:
            path.unlink()
    return skipped


def _report(skipped: list[SkippedMesh], count: int, meshes: Path) -> None:
    if not skipped:
        return
    if len(skipped) == count:
        raise InvalidMesh(
            f"{meshes}: {count} meshes, none could be drawn. First reason: {skipped[0].reason}"
        )
    _LOG.warning(
        "%d of %d meshes could not be drawn, the first: %s", len(skipped), count, skipped[0].reason
    )


@dataclass(frozen=True)
class _BenchmarkJob:
    name: str
    mesh: Path
    views: BenchmarkViews
    drawing: Drawing


def _draw_benchmark(job: _BenchmarkJob) -> list[dict[str, object]]:
    azimuths = (0.0, *job.views.azimuths_deg)
    names = ["input", *(f"target{k:02d}" for k in range(len(job.views.azimuths_deg)))]
    elevations = [job.views.elevation_deg] * len(azimuths)
    pictures = draw_views(load_mesh(job.mesh), azimuths, elevations, job.drawing)
    return [
        dict(zip(VIEW_COLUMNS, (job.name, name, azimuth, elevation, png_bytes(rgba)), strict=True))
        for name, azimuth, elevation, rgba in zip(
            names, azimuths, elevations, pictures, strict=True
        )
    ]


def draw_benchmark(meshes: Path, config: CollectConfig) -> list[dict[str, object]]:
    """A row for each view of each object: the input at azimuth 0, then the targets.

    The objects are those in `meshes`, or of `benchmark_meshes` where the configuration names it.

    Raises:
        DD3GError: a mesh cannot be drawn; a benchmark loses no object silently.
    """
    split = config.benchmark_split
    found = meshes_of_split(config.benchmark_meshes or meshes, split, "collect.benchmark_split")
    jobs = [
        _BenchmarkJob(name, path, config.benchmark, config.drawing) for name, path in found.items()
    ]
    try:
        results = on_all_cores(_draw_benchmark, jobs, config.workers, _ALONE_UP_TO)
        progress = track(results, len(jobs), "Drawing the benchmark", "objects")
        return [row for rows in progress for row in rows]
    except InvalidMesh as error:
        raise DD3GError(f"benchmark objects: {error}") from error
