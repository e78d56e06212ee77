"""The true views that a mini teacher learns from: drawn once, a file an object, and listed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from dd3g_kedro.core.errors import DD3GError, InvalidMesh
from dd3g_kedro.core.files import written_whole
from dd3g_kedro.core.geometry.cameras import orbit
from dd3g_kedro.core.geometry.config import CameraRig
from dd3g_kedro.core.identity import Identity, deciding
from dd3g_kedro.core.kept import MANIFEST, kept_beside, read_manifest, write_manifest
from dd3g_kedro.core.progress import track
from dd3g_kedro.engine.processes import on_all_cores
from dd3g_kedro.mini_teacher.config import ViewRendering
from dd3g_kedro.objects.config import Lighting
from dd3g_kedro.objects.drawing import draw_mesh
from dd3g_kedro.objects.loading import load_mesh
from dd3g_kedro.objects.mesh import stretched
from dd3g_kedro.objects.objects import find_meshes, meshes_of_split, read_catalog
from dd3g_kedro.objects.references import mesh_fingerprint
from dd3g_kedro.objects.views import fitted

DRAW = "kedro run --pipelines=teacher --nodes=draw_training_views"
DRAUGHTSMAN = "training views 1"  # raise when a view changes; a golden test watches
_ALONE_UP_TO = 4  # objects that are drawn before another process would have started


def views_setting(rendering: ViewRendering, rig: CameraRig) -> Identity:
    """What decides the views of every mesh."""
    return Identity.of(DRAUGHTSMAN, rendering=rendering, rig=rig)


@dataclass(frozen=True)
class _Job:
    mesh: Path
    folder: Path
    rendering: ViewRendering
    rig: CameraRig
    variant: int  # 0: the mesh as it is; others are stretched

    def identity(self, content: str) -> Identity:
        """Of one file: a mesh as it is does not depend on how many variants there are beside it."""
        how = deciding(self.rendering, ("variants", "stretch"))
        if self.variant:
            how |= {"variant": self.variant, "stretch": self.rendering.stretch}
        return Identity.of(DRAUGHTSMAN, mesh=content, rendering=how, rig=self.rig)


@dataclass(frozen=True)
class _Drawn:
    """The file of an object, or the reason why there is none."""

    file: str | None
    reason: str = ""


def _draw_rings(job: _Job) -> _Drawn:
    """Draw one object's rings, unless they are there or were kept."""
    try:
        content = mesh_fingerprint(job.mesh)
        name = f"{job.identity(content).name}.npz"
        target, kept = job.folder / name, kept_beside(job.folder) / name
        if not target.exists() and kept.is_file():
            kept.rename(target)
        if not target.exists():
            _write_rings(job, target, int(content[:8], 16))
    except (InvalidMesh, OSError) as error:
        return _Drawn(None, str(error))
    return _Drawn(name)


def _write_rings(job: _Job, target: Path, seed: int) -> None:
    mesh, rendering = load_mesh(job.mesh), job.rendering
    draw = np.random.default_rng((rendering.seed, seed, job.variant))
    rings = np.array([draw.uniform(low, high) for low, high in rendering.elevations_deg])
    if job.variant:
        mesh = stretched(mesh, np.exp(draw.normal(0, rendering.stretch, 3)))
    azimuth = torch.arange(rendering.azimuths) * (2 * math.pi / rendering.azimuths)
    pictures = []
    for elevation in np.radians(rings):
        cameras = orbit(azimuth[None], torch.full_like(azimuth, float(elevation))[None], job.rig)
        rgba = draw_mesh(fitted(mesh, rendering.reach), cameras, rendering.size, Lighting())
        pictures.append((rgba * 255).round().byte().numpy())
    with written_whole(target) as temporary, temporary.open("wb") as stream:
        np.savez(stream, rgba=np.stack(pictures), elevations=np.radians(rings).astype(np.float32))


def draw_views(
    meshes: Sequence[Path], folder: Path, rendering: ViewRendering, rig: CameraRig
) -> dict[str, str]:
    """Draw all meshes into `folder`, a file an object, and list these files in its manifest.

    A file's name is its identity: over the mesh, every file that it names, and how it is drawn.
    What is there under it already is kept; files that this list of meshes and this setting do not
    name move beside the folder.

    Returns:
        The meshes that could not be used, with their reasons.

    Raises:
        DD3GError: not one mesh could be used.
    """
    folder.mkdir(parents=True, exist_ok=True)
    variants = range(rendering.variants)
    jobs = [_Job(mesh, folder, rendering, rig, variant) for mesh in meshes for variant in variants]
    results = on_all_cores(_draw_rings, jobs, None, _ALONE_UP_TO)
    drawn = list(track(results, len(jobs), "drawing views", "objects"))
    failures = {
        str(job.mesh): each.reason for job, each in zip(jobs, drawn, strict=True) if not each.file
    }
    if not any(each.file for each in drawn):
        raise DD3GError(
            f"{len(meshes)} meshes, none could be used. Expected .glb, .gltf or .obj files with a "
            f"surface. First reason: {next(iter(failures.values()), 'the list is empty')}"
        )
    files = sorted({each.file for each in drawn if each.file})
    write_manifest(folder, {"identity": views_setting(rendering, rig).document(), "views": files})
    for stale in sorted({path.name for path in folder.iterdir()} - {*files, MANIFEST}):
        kept_beside(folder).mkdir(parents=True, exist_ok=True)
        (folder / stale).rename(kept_beside(folder) / stale)
    return failures


def listed_views(folder: Path, expected: Identity | None = None) -> list[Path]:
    """The files of the manifest.

    Raises:
        DD3GError: nothing is listed, a listed file is missing, or the views are of another setting
            than `expected`.
    """
    manifest = read_manifest(folder) or {}
    names = manifest.get("views")
    identity = Identity.read(manifest.get("identity"))
    if not isinstance(names, list) or not names or identity is None:
        raise DD3GError(
            f"{folder}: expected drawn views and their {MANIFEST}, found none. Draw them: {DRAW}"
        )
    if expected is not None and identity != expected:
        raise DD3GError(
            f"{folder}: expected views of the present setting, found others: "
            f"{expected.told_apart(identity)}. Draw them again: {DRAW}"
        )
    files = [folder / str(name) for name in names]
    if missing := [path.name for path in files if not path.is_file()]:
        raise DD3GError(
            f"{folder}: {len(missing)} of {len(files)} drawn views are missing, the first is "
            f"{missing[0]}. Draw them again: {DRAW}"
        )
    return files


def mesh_files(folders: Sequence[Path], split: str, key: str) -> list[Path]:
    """All meshes of the folders; where `catalog.csv` divides them, only that part.

    Raises:
        InvalidMesh: a folder has none; `key` is the parameter to correct.
    """
    files: list[Path] = []
    for folder in folders:
        catalog = read_catalog(folder)
        divided = any(name in catalog and catalog[name].split for name in find_meshes(folder))
        files += meshes_of_split(folder, split if divided else None, key).values()
    return files
