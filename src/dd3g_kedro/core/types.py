"""The paper's quantities as frozen, shape-annotated containers.

Letters in shapes: `b` batch, `v` view, `h w` pixels, `y x` latent cells, `t` token, `d` width,
`c` latent channel, `g` Gaussian, `n` any count.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import ClassVar, Protocol, runtime_checkable

import torch
from jaxtyping import Float, UInt8
from torch import Tensor


@dataclass(frozen=True)
class Cameras:
    """C: pinhole cameras in the world frame that `core.geometry` declares."""

    world_to_camera: Float[Tensor, "b v 4 4"]  # OpenCV axes: x right, y down, z forward
    intrinsics: Float[Tensor, "b v 3 3"]  # in fractions of the image size

    def to(self, device: torch.device | str) -> Cameras:
        """Move to a device."""
        return Cameras(self.world_to_camera.to(device), self.intrinsics.to(device))

    def expand(self, batch: int) -> Cameras:
        """Repeat one set of views for `batch` objects, without copying."""
        return Cameras(
            self.world_to_camera.expand(batch, -1, -1, -1),
            self.intrinsics.expand(batch, -1, -1, -1),
        )


@dataclass(frozen=True)
class Gaussians:
    """What the student predicts, activated, in the world frame."""

    antialiased: ClassVar[bool] = False  # how they are to be drawn

    means: Float[Tensor, "b g 3"]
    log_scales: Float[Tensor, "b g 3"]  # natural (Ours); PEPD's lie in (-9, -3), Sec. IV-A
    quaternions: Float[Tensor, "b g 4"]  # unit, (w, x, y, z)
    colors: Float[Tensor, "b g 3"]  # sRGB in [0, 1]
    opacities: Float[Tensor, "b g"]  # in (0, 1)

    def __len__(self) -> int:
        return len(self.means)

    def __getitem__(self, index: slice | Tensor) -> Gaussians:
        """A part of the batch; the batch axis stays (use `g[i : i + 1]` for one object)."""
        return type(self)(*(getattr(self, f.name)[index] for f in fields(self)))

    def to(self, device: torch.device | str) -> Gaussians:
        """Move to a device."""
        return type(self)(*(getattr(self, f.name).to(device) for f in fields(self)))

    def detach(self) -> Gaussians:
        """Cut from the graph."""
        return type(self)(*(getattr(self, f.name).detach() for f in fields(self)))


@dataclass(frozen=True)
class AntialiasedGaussians(Gaussians):
    """Gaussians whose opacities are meant for antialiased rasterisation, wherever they are drawn.

    Ours: Mip-Splatting's compensation. The blur that every projected Gaussian gets makes small ones
    larger; their opacity falls by as much as their area grew. Drawn without it, they look too fat.
    """

    antialiased: ClassVar[bool] = True


@dataclass(frozen=True)
class Renders:
    """R(G, C): what the cameras see."""

    images: Float[Tensor, "b v 3 h w"]  # sRGB in [0, 1], over the background that was asked for
    alphas: Float[Tensor, "b v 1 h w"]  # in [0, 1]


@dataclass(frozen=True)
class Quadruples:
    """A batch of {N, C, II, OI} (Sec. III-B), II and OI over one common background."""

    noise: Float[Tensor, "b v c y x"]  # N, standard normal, restored from its seed
    cameras: Cameras  # C
    input_image: Float[Tensor, "b 3 h w"]  # II, sRGB in [0, 1]
    output_images: Float[Tensor, "b v 3 h w"]  # OI, sRGB in [0, 1]
    background: Float[Tensor, "b 3"]  # sRGB in [0, 1]


@runtime_checkable
class InputPictures(Protocol):
    """II by its id, framed, as squares of straight RGBA (`pictures.input_images`)."""

    def __call__(self, image_id: str, border_ratio: float | None) -> UInt8[Tensor, "4 s s"]:
        """Recentred with that border; without one only padded."""

    def name(self, image_id: str) -> str:
        """What people call it."""
