"""Drawn true views, served as training batches of the mini teacher."""

from __future__ import annotations

import hashlib
import math
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from dd3g_kedro.core.errors import DD3GError
from dd3g_kedro.core.identity import Identity
from dd3g_kedro.core.objective.background import composite, random_background
from dd3g_kedro.core.progress import track
from dd3g_kedro.mini_teacher.config import ViewAugmentation
from dd3g_kedro.mini_teacher.drawing import DRAW, listed_views

_SAME_DEG = 0.01  # elevations that differ by less are one


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
    """What `draw_views` has listed; read when the first batch is asked for.

    Args:
        folder: of the views and their manifest.
        expected: the setting that they must be of (`views_setting`); None: any.

    Raises:
        DD3GError: there are none, a listed one is missing, or they are of another setting.
    """

    def __init__(self, folder: Path, expected: Identity | None = None) -> None:
        self.folder = folder
        self.files = listed_views(folder, expected)
        names = "/".join(path.name for path in self.files)  # identities
        self.fingerprint = hashlib.sha256(names.encode()).hexdigest()
        self._loaded: RenderedViews | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Rings, azimuths, channels and pixels of an object."""
        return tuple(_stored(self.files[0])[0].shape)

    @property
    def size(self) -> int:
        """Pixels a side."""
        return self.shape[-1]

    def on(self, device: torch.device) -> RenderedViews:
        """All views on a device; read once.

        Raises:
            DD3GError: a file is damaged, or of another shape.
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
            near = np.abs(np.degrees(_stored(path)[1]) - elevation_deg) < _SAME_DEG
            found.append({int(ring) for ring in np.flatnonzero(near)})
        if not (rings := set.intersection(*found)):
            raise DD3GError(
                f"{self.folder}: expected a ring of views at {elevation_deg:g} degrees for every "
                f"object, found none. Add [{elevation_deg:g}, {elevation_deg:g}] to "
                f"teacher_training.views.elevations_deg and draw again: {DRAW}"
            )
        return sorted(rings)

    def read(self, device: torch.device, rings: Sequence[int] | None = None) -> RenderedViews:
        """The views of these rings, None: of all, on a device.

        Raises:
            DD3GError: a file is damaged, or of another shape.
        """
        shape, count = self.shape, len(self.files)
        chosen = list(range(shape[0]) if rings is None else rings)
        rgba = torch.empty(count, len(chosen), *shape[1:], dtype=torch.uint8, device=device)
        elevations = torch.empty(count, len(chosen))
        for index, path in enumerate(track(self.files, count, "reading views", "objects")):
            found, angles = _stored(path)
            if found.shape != shape:
                raise DD3GError(
                    f"{path}: expected views of shape {shape} as in {self.files[0].name}, found "
                    f"{found.shape}. Draw them again: {DRAW}"
                )
            rgba[index] = torch.from_numpy(found[chosen])
            elevations[index] = torch.from_numpy(angles[chosen])
        return RenderedViews(rgba, elevations.to(device))


def _stored(path: Path) -> tuple[UInt8[np.ndarray, "r a 4 h w"], Float[np.ndarray, " r"]]:
    """An object's views and its rings' elevations, their checksums compared."""
    try:
        with np.load(path) as stored:
            return stored["rgba"], stored["elevations"]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise DD3GError(
            f"{path}: expected the drawn views of an object, found a damaged file ({error}). "
            f"Delete it and draw it again: {DRAW}"
        ) from error


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
