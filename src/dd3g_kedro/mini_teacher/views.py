"""Ground-truth views of meshes: drawn once, then served as training batches of the mini teacher."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from dd3g_kedro.core.errors import DD3GError, InvalidMesh
from dd3g_kedro.core.files import written_whole
from dd3g_kedro.core.geometry.cameras import orbit
from dd3g_kedro.core.geometry.config import CameraRig
from dd3g_kedro.core.objective.background import composite, random_background
from dd3g_kedro.core.processes import available_cores
from dd3g_kedro.core.progress import track
from dd3g_kedro.mini_teacher.config import ViewAugmentation, ViewRendering
from dd3g_kedro.objects.config import Lighting
from dd3g_kedro.objects.drawing import draw_mesh
from dd3g_kedro.objects.loading import load_mesh
from dd3g_kedro.objects.mesh import stretched
from dd3g_kedro.objects.objects import find_meshes, meshes_of_split, read_catalog
from dd3g_kedro.objects.views import fitted

DRAW = "kedro run --pipelines=teacher --nodes=draw_training_views"
_SAME_DEG = 0.01  # elevations that differ by less are one


def _file_name(mesh: Path, rendering: ViewRendering, rig: CameraRig, variant: int) -> str:
    content = hashlib.sha256(mesh.read_bytes())
    content.update(repr((rendering, rig)).encode())
    if variant:
        content.update(repr((variant, rendering.stretch)).encode())
    return f"{content.hexdigest()[:16]}.npz"


def _draw_rings(job: tuple[Path, Path, ViewRendering, CameraRig, int]) -> str | None:
    """Draw one object's rings; return the reason if its mesh is unusable."""
    mesh_path, folder, rendering, rig, variant = job
    target = folder / _file_name(mesh_path, rendering, rig, variant)
    if target.exists():
        return None
    try:
        mesh = load_mesh(mesh_path)
    except InvalidMesh as error:
        return str(error)
    seed = int.from_bytes(hashlib.sha256(target.name.encode()).digest()[:4], "little")
    draw = np.random.default_rng((rendering.seed, seed))
    rings = np.array([draw.uniform(low, high) for low, high in rendering.elevations_deg])
    if variant:
        mesh = stretched(mesh, np.exp(draw.normal(0, rendering.stretch, 3)))
    azimuth = torch.arange(rendering.azimuths) * (2 * math.pi / rendering.azimuths)
    pictures = []
    for elevation in np.radians(rings):
        cameras = orbit(azimuth[None], torch.full_like(azimuth, float(elevation))[None], rig)
        rgba = draw_mesh(fitted(mesh, rendering.reach), cameras, rendering.size, Lighting())
        pictures.append((rgba * 255).round().byte().numpy())
    with written_whole(target) as temporary, temporary.open("wb") as stream:
        np.savez(stream, rgba=np.stack(pictures), elevations=np.radians(rings).astype(np.float32))
    return None


def draw_views(
    meshes: Sequence[Path], folder: Path, rendering: ViewRendering, rig: CameraRig
) -> dict[str, str]:
    """Draw all meshes into `folder`, a file an object; what is there already is kept.

    Returns:
        The meshes that could not be used, with their reasons.

    Raises:
        DD3GError: not one mesh could be used.
    """
    folder.mkdir(parents=True, exist_ok=True)
    variants = range(rendering.variants)
    jobs = [(mesh, folder, rendering, rig, variant) for mesh in meshes for variant in variants]
    workers = available_cores()
    with ProcessPoolExecutor(workers, get_context("spawn"), initializer=_one_thread) as pool:
        results = track(
            pool.map(_draw_rings, jobs, chunksize=4), len(jobs), "drawing views", "objects"
        )
        failures = {
            str(job[0]): reason for job, reason in zip(jobs, results, strict=True) if reason
        }
    if len(failures) == len(meshes):
        raise DD3GError(
            f"{len(meshes)} meshes, none could be used. Expected .glb, .gltf or .obj files with a "
            f"surface. First reason: {next(iter(failures.values()), 'the list is empty')}"
        )
    return failures


def _one_thread() -> None:
    torch.set_num_threads(1)


@dataclass(frozen=True)
class ViewBatch:
    """What a mini teacher learns from: II, the four true views, and how the cameras stand."""

    input_image: Float[Tensor, "b 3 h w"]
    images: Float[Tensor, "b v 3 h w"]
    azimuth: Float[Tensor, "b v"]  # relative to the input image's camera
    elevation: Float[Tensor, "b v"]


@dataclass(frozen=True)
class PickedViews:
    """Objects as their input camera and four others see them, on transparency."""

    rgba: Float[Tensor, "b 5 4 h w"]  # straight alpha; the input image first
    azimuth: Float[Tensor, "b 4"]  # of the others, relative to the input image's camera
    elevation: Float[Tensor, "b 4"]


@dataclass(frozen=True)
class RenderedViews:
    """All drawn views, in memory."""

    rgba: UInt8[Tensor, "o r a 4 h w"]
    elevations: Float[Tensor, "o r"]

    def __len__(self) -> int:
        return len(self.rgba)

    def draw(
        self, count: int, generator: torch.Generator, augmentation: ViewAugmentation
    ) -> ViewBatch:
        """A random batch of objects over backgrounds, some of them white."""
        picked = self.pick(count, generator, augmentation)
        rgba = picked.rgba
        background = random_background(count, generator)
        white = torch.rand(count, 1, generator=generator) < augmentation.white
        background = torch.where(white, torch.ones(()), background).to(rgba.device)
        images = composite(rgba, background[:, None].expand(-1, rgba.shape[1], -1))
        return ViewBatch(images[:, 0], images[:, 1:], picked.azimuth, picked.elevation)

    def pick(
        self, count: int, generator: torch.Generator, augmentation: ViewAugmentation
    ) -> PickedViews:
        """Random objects, each seen from an input camera and from four others."""
        plan = _Plan.draw(self, count, generator, augmentation)
        source = self.rgba[plan.objects[:, None], plan.rings, plan.azimuths.to(self.rgba.device)]
        rgba = source.float() / 255
        rgba = torch.where(plan.mirrored.view(-1, 1, 1, 1, 1), rgba.flip(-1), rgba)
        rgba = _recolour(rgba, generator, augmentation.recolour)
        elevation = self.elevations[plan.objects, plan.rings[:, 1]]
        return PickedViews(rgba, plan.relative.to(rgba.device), elevation[:, None].expand(-1, 4))


@dataclass(frozen=True)
class _Plan:
    """Which pictures make up a batch; column 0 is the input image, 1 to 4 the views."""

    objects: Int[Tensor, " b"]
    rings: Int[Tensor, "b 5"]
    azimuths: Int[Tensor, "b 5"]
    relative: Float[Tensor, "b 4"]
    mirrored: Tensor

    @classmethod
    def draw(
        cls, views: RenderedViews, count: int, generator: torch.Generator, how: ViewAugmentation
    ) -> _Plan:
        _, rings, azimuths = views.rgba.shape[:3]

        def integers(high: int) -> Tensor:
            return torch.randint(high, (count,), generator=generator)

        def share(part: float) -> Tensor:
            return torch.rand(count, generator=generator) < part

        front = integers(azimuths) if how.any_front else torch.zeros(count, dtype=torch.long)
        turn = torch.where(share(how.turned_views), integers(azimuths), 0)
        frames = torch.arange(4) - 1  # frame 1 is the front (`core.teacher.cameras`)
        offsets = turn[:, None] + frames * (azimuths // 4)
        mirrored = share(how.mirror)
        sign = torch.where(mirrored, -1, 1)[:, None]
        input_ring = integers(rings)
        view_ring = torch.where(share(how.other_ring), integers(rings), input_ring)
        if how.front:
            front = torch.where(share(how.front), 0, front)
        if how.level:
            level = share(how.level)
            input_ring, view_ring = (torch.where(level, 0, r) for r in (input_ring, view_ring))
        return cls(
            objects=integers(len(views)).to(views.rgba.device),
            rings=torch.stack([input_ring, *[view_ring] * 4], 1).to(views.rgba.device),
            azimuths=torch.cat([front[:, None], front[:, None] + sign * offsets], 1) % azimuths,
            relative=offsets * (2 * math.pi / azimuths),
            mirrored=mirrored.to(views.rgba.device),
        )


class ViewsFolder:
    """What `draw_views` wrote; read when the first batch is asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files = sorted(folder.glob("*.npz"))
        if not self.files:
            raise DD3GError(
                f"{folder}: expected drawn views (*.npz), found none. Draw them: {DRAW}"
            )
        names = "/".join(path.name for path in self.files)  # content hashes
        self.fingerprint = hashlib.sha256(names.encode()).hexdigest()
        self._loaded: RenderedViews | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Rings, azimuths, channels and pixels of an object."""
        with np.load(self.files[0]) as stored:
            return tuple(stored["rgba"].shape)

    @property
    def size(self) -> int:
        """Pixels a side."""
        return self.shape[-1]

    def on(self, device: torch.device) -> RenderedViews:
        """All views on a device; read once.

        Raises:
            DD3GError: the folder holds views of several settings.
        """
        if self._loaded is None:
            self._loaded = self.read(device)
        return self._loaded

    def rings_at(self, elevation_deg: float) -> list[int]:
        """The rings that stand at one elevation for every object.

        Raises:
            DD3GError: there is none.
        """
        found: list[set[int]] = []
        for path in self.files:
            with np.load(path) as stored:
                near = np.abs(np.degrees(stored["elevations"]) - elevation_deg) < _SAME_DEG
            found.append({int(ring) for ring in np.flatnonzero(near)})
        if not (rings := set.intersection(*found)):
            raise DD3GError(
                f"{self.folder}: expected a ring of views at {elevation_deg:g} degrees for every "
                f"object, found none. Add [{elevation_deg:g}, {elevation_deg:g}] to "
                f"teacher_training.views.elevations_deg, delete the folder and draw again: {DRAW}"
            )
        return sorted(rings)

    def read(self, device: torch.device, rings: Sequence[int] | None = None) -> RenderedViews:
        """The views of these rings, None: of all, on a device.

        Raises:
            DD3GError: the folder holds views of several settings.
        """
        shape, count = self.shape, len(self.files)
        chosen = list(range(shape[0]) if rings is None else rings)
        rgba = torch.empty(count, len(chosen), *shape[1:], dtype=torch.uint8, device=device)
        elevations = torch.empty(count, len(chosen))
        for index, path in enumerate(track(self.files, count, "reading views", "objects")):
            with np.load(path) as stored:
                found, angles = stored["rgba"], stored["elevations"]
            if found.shape != shape:
                raise DD3GError(
                    f"{path}: expected views of shape {shape} as in {self.files[0].name}, found "
                    f"{found.shape}. Delete the folder {self.folder} and run again."
                )
            rgba[index] = torch.from_numpy(found[chosen])
            elevations[index] = torch.from_numpy(angles[chosen])
        return RenderedViews(rgba, elevations.to(device))


def _recolour(
    rgba: Float[Tensor, "b f 4 h w"], generator: torch.Generator, part: float
) -> Float[Tensor, "b f 4 h w"]:
    """Permute and scale an object's colour channels, and bend its brightness."""
    count = len(rgba)
    order = torch.rand(count, 3, generator=generator).argsort(1)
    gain = torch.empty(count, 3).normal_(0, 0.15, generator=generator).exp()
    gamma = torch.empty(count).normal_(0, 0.2, generator=generator).exp()
    chosen = torch.rand(count, generator=generator) < part
    order = torch.where(chosen[:, None], order, torch.arange(3))
    gain = torch.where(chosen[:, None], gain, 1.0)
    gamma = torch.where(chosen, gamma, 1.0)
    order, gain, gamma = (x.to(rgba.device) for x in (order, gain, gamma))
    index = order[:, None, :, None, None].expand(-1, rgba.shape[1], -1, *rgba.shape[3:])
    rgb = rgba[:, :, :3].gather(2, index) * gain[:, None, :, None, None]
    rgb = rgb.clamp(0, 1) ** gamma.view(-1, 1, 1, 1, 1)
    return torch.cat([rgb, rgba[:, :, 3:]], dim=2)


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
