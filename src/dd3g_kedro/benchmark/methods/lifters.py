"""What is compared: lifters (a picture to Gaussians) and methods that only make pictures.

A PSNR means nothing without the trivial baselines beside it: against white, copying the input to
every view already looks good.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from dd3g_kedro.benchmark.truth.views import Sighting
from dd3g_kedro.core.devices import network_autocast
from dd3g_kedro.core.objective.background import composite
from dd3g_kedro.core.rendering.render import render
from dd3g_kedro.core.student.weights import Student
from dd3g_kedro.core.types import Cameras, Gaussians
from dd3g_kedro.pictures.framing import square

_GRID = 96  # cells a side of the extruded silhouette
_DEPTH = 0.6  # its thickness, in widths of the silhouette
_LAYERS = 32  # of its walls
_SIGMA = 0.5  # of its Gaussians, in their spacing: wide enough that surfaces close


@runtime_checkable
class Lifter(Protocol):
    """One picture in, an object out."""

    def __call__(self, sighting: Sighting, background: Float[Tensor, "3"]) -> Gaussians:
        """Lift the picture, seen over the background (sRGB in [0, 1]), to Gaussians, b = 1."""


@runtime_checkable
class MeasurableLifter(Protocol):
    """A lifter whose cost is measured, preprocessing apart."""

    warmup: int  # unmeasured generations before
    rounds: int  # measured ones

    @property
    def network(self) -> nn.Module:
        """Whose weights generate."""

    def prepared(
        self, sighting: Sighting, background: Float[Tensor, "3"]
    ) -> Callable[[], Gaussians]:
        """Prepare the picture; what comes back generates from it, any number of times."""


@runtime_checkable
class Method(Protocol):
    """One picture in, pictures at other cameras out."""

    def __call__(
        self, sighting: Sighting, cameras: Cameras, size: int, background: Float[Tensor, "1 3"]
    ) -> Float[Tensor, "v 3 {size} {size}"]:
        """Predict the views over the background, sRGB in [0, 1]."""


@dataclass(frozen=True)
class Lifted:
    """A lifter as a method: lift the input once, render every view."""

    lifter: Lifter

    def __call__(
        self, sighting: Sighting, cameras: Cameras, size: int, background: Float[Tensor, "1 3"]
    ) -> Float[Tensor, "v 3 {size} {size}"]:
        """Predict the views."""
        return rendered(self.lifter(sighting, background[0]), cameras, size, background)


class StudentLifter:
    """G_theta (Eq. 2); the input is seen over the same background as the views."""

    warmup, rounds = 3, 20

    def __init__(self, student: Student, seed: int, autocast: bool) -> None:
        self.student = student
        self.seed = seed
        self.autocast = autocast

    @property
    def network(self) -> nn.Module:
        """The student."""
        return self.student

    def prepared(
        self, sighting: Sighting, background: Float[Tensor, "3"]
    ) -> Callable[[], Gaussians]:
        """The picture at the student's own size; one forward pass with the N of the seed."""
        picture = composite(square(sighting.rgba, self.student.config.image_size), background)
        return partial(self._generate, picture)

    def _generate(self, picture: Float[Tensor, "3 h w"]) -> Gaussians:
        device = next(self.student.parameters()).device
        with network_autocast(device) if self.autocast else contextlib.nullcontext():
            return self.student.lift(picture[None], seeds=[self.seed])

    def __call__(self, sighting: Sighting, background: Float[Tensor, "3"]) -> Gaussians:
        """Lift the picture."""
        return self.prepared(sighting, background)()


def copy_input(
    sighting: Sighting, cameras: Cameras, size: int, background: Float[Tensor, "1 3"]
) -> Float[Tensor, "v 3 {size} {size}"]:
    """The input, unchanged, at every camera."""
    return _everywhere(composite(square(sighting.rgba, size), background[0]), cameras)


def mean_color(
    sighting: Sighting, cameras: Cameras, size: int, background: Float[Tensor, "1 3"]
) -> Float[Tensor, "v 3 {size} {size}"]:
    """The input's silhouette filled with its mean foreground colour, at every camera."""
    rgba = square(sighting.rgba, size)
    alpha = rgba[3:]
    mean = (rgba[:3] * alpha).sum(dim=(1, 2)) / alpha.sum().clamp(min=1e-6)
    filled = torch.cat([mean[:, None, None].expand(3, size, size), alpha])
    return _everywhere(composite(filled, background[0]), cameras)


def extruded_silhouette(
    sighting: Sighting,
    background: Float[Tensor, "3"],  # noqa: ARG001
) -> Gaussians:
    """A slab cut out along the input's outline, whatever is behind it: see `extrude`."""
    return extrude(sighting)


BASELINES: dict[str, Method] = {
    "copy_input": copy_input,
    "mean_color": mean_color,
    "extruded_silhouette": Lifted(extruded_silhouette),
}


def extrude(sighting: Sighting) -> Gaussians:
    """A slab with the input on its front, its mirror image on its back and bars on its sides.

    The walls have the mean colour of the input's row. The slab is 0.6 as thick as the silhouette
    is wide and stands upright, centred on the origin, facing the input's azimuth. It is drawn by
    our own renderer, as dense, opaque Gaussians.
    """
    rgba = square(sighting.rgba, _GRID)
    mask = rgba[3] > 0.5
    if not mask.any():
        return _gaussians(torch.zeros(0, 3), torch.zeros(0, 3), torch.zeros(0))
    row_means = _row_means(rgba[:3], mask)
    half = 0.5 * _DEPTH * _width(sighting.camera, mask)
    front, spacing = _on_plane(sighting.camera, half)
    inner = _eroded(mask)  # walls stand one cell inside, for many layers add up to a soft rim
    face, edge = front[mask], inner & ~_eroded(inner)
    rim = front[edge]
    depths = torch.linspace(-1, 1, _LAYERS)
    walls = rim.repeat(_LAYERS, 1)
    walls[:, 0] = walls[:, 0] * depths.repeat_interleave(len(rim))
    wall_colors = row_means[edge.nonzero()[:, 0]].repeat(_LAYERS, 1)
    colors = rgba[:3, mask].T
    mirror = torch.tensor([-1.0, 1.0, 1.0])
    means = torch.cat([face, face * mirror, walls])
    spacings = torch.cat([spacing[mask], spacing[mask], spacing[edge].repeat(_LAYERS)])
    return _gaussians(means, torch.cat([colors, colors, wall_colors]), spacings)


def _gaussians(
    means: Float[Tensor, "g 3"], colors: Float[Tensor, "g 3"], spacing: Float[Tensor, "g"]
) -> Gaussians:
    """Nearly opaque balls."""
    count = len(means)
    upright = torch.tensor([1.0, 0.0, 0.0, 0.0])
    return Gaussians(
        means=means[None],
        log_scales=(_SIGMA * spacing).log()[None, :, None].expand(1, count, 3).contiguous(),
        quaternions=upright.expand(1, count, 4).contiguous(),
        colors=colors[None].contiguous(),
        opacities=torch.full((1, count), 0.98),
    )


def _row_means(rgb: Float[Tensor, "3 h w"], mask: Bool[Tensor, "h w"]) -> Float[Tensor, "h 3"]:
    inside = mask.float()
    return ((rgb * inside).sum(dim=2) / inside.sum(dim=1).clamp(min=1)).T


def _eroded(mask: Bool[Tensor, "h w"]) -> Bool[Tensor, "h w"]:
    padded = F.pad(mask, (1, 1, 1, 1))
    middle = padded[1:-1, 1:-1]
    across = padded[1:-1, :-2] & padded[1:-1, 2:]
    return middle & across & padded[:-2, 1:-1] & padded[2:, 1:-1]


def _on_plane(camera: Cameras, depth: float) -> tuple[Float[Tensor, "y x 3"], Float[Tensor, "y x"]]:
    """Where each cell's ray meets the plane x = depth, and how far apart cells lie there."""
    from dd3g_kedro.core.geometry import camera_to_world

    centre = (torch.arange(_GRID) + 0.5) / _GRID
    pixel = torch.stack([*torch.meshgrid(centre, centre, indexing="xy"), torch.ones(_GRID, _GRID)])
    local = torch.einsum("ij,jyx->iyx", torch.linalg.inv(camera.intrinsics[0, 0]), pixel)
    pose = camera_to_world(camera)[0, 0]
    direction = torch.einsum("ij,jyx->yxi", pose[:3, :3], local)
    distance = (depth - pose[0, 3]) / direction[..., 0]
    spacing = distance / (_GRID * camera.intrinsics[0, 0, 0, 0])
    return pose[:3, 3] + distance[..., None] * direction, spacing


def _width(camera: Cameras, mask: Bool[Tensor, "h w"]) -> float:
    """How wide the silhouette is where it cuts the origin's plane, in box sides."""
    points, _ = _on_plane(camera, 0.0)
    across = points[mask][:, 1]
    return float(across.max() - across.min())


def _everywhere(picture: Float[Tensor, "3 h w"], cameras: Cameras) -> Float[Tensor, "v 3 h w"]:
    return picture.expand(cameras.world_to_camera.shape[1], -1, -1, -1)


@torch.inference_mode()
def rendered(
    gaussians: Gaussians, cameras: Cameras, size: int, background: Float[Tensor, "1 3"]
) -> Float[Tensor, "v 3 {size} {size}"]:
    """R(G, C) of one object, without a graph, on the Gaussians' device."""
    device = gaussians.means.device
    return render(gaussians, cameras.to(device), size, background.to(device)).images[0]
