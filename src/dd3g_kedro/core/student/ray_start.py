"""Ours: a start on the input picture's rays, where it shows the object, with its colours."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from dd3g_kedro.core.geometry.cameras import camera_to_world
from dd3g_kedro.core.geometry.config import CameraRig
from dd3g_kedro.core.geometry.pinhole import front_camera
from dd3g_kedro.core.student.config import RayStart
from dd3g_kedro.core.student.progressive_decoding import Placed, RawAttributes
from dd3g_kedro.core.student.window import Window, rim_color, shows_object

_GOLDEN = 0.6180339887498949  # its multiples fill [0, 1) evenly
_DARKEST, _BRIGHTEST = 0.02, 0.98  # whose logits a colour may start with
Bound = Callable[[Tensor], Tensor]


def _cells(patches: int, cells: int) -> Float[Tensor, "p k 2"]:
    """Centres of every patch's cells in fractions of the window, x and y, row by row."""
    steps = (torch.arange(patches * cells) + 0.5) / (patches * cells)
    grid = torch.stack(torch.meshgrid(steps, steps, indexing="xy"), dim=-1)
    return rearrange(grid, "(y j) (x i) c -> (y x) (j i) c", j=cells, i=cells)


class FrontFrame(nn.Module):
    """The input picture's camera, and where its window lies in the world."""

    axes: Tensor  # rows: right, down, forward
    position: Tensor

    def __init__(self, elevation_deg: float, rig: CameraRig) -> None:
        super().__init__()
        with torch.device("cpu"):  # also where a model is built on `meta`
            camera = front_camera(elevation_deg, rig)
            pose = camera_to_world(camera)[0, 0]
        self.radius = rig.radius
        self.focal = float(camera.intrinsics[0, 0, 0, 0])
        self.register_buffer("axes", pose[:3, :3].T.contiguous(), persistent=False)
        self.register_buffer("position", pose[:3, 3].clone(), persistent=False)

    def rays(self, places: Float[Tensor, "*n 2"]) -> Float[Tensor, "*n 3"]:
        """Rays of places in the picture, in fractions, in world axes, up to depth 1."""
        local = F.pad((places - 0.5) / self.focal, (0, 1), value=1.0)
        return local @ self.axes

    def free(
        self, means: Float[Tensor, "b g 3"], window: Window, bound: Bound
    ) -> Float[Tensor, "b g 3"]:
        """Means of an object that fills the window, around where its middle's ray is nearest."""
        middle = self.position + self.radius * self.rays(window.centre)
        return bound(middle[:, None] + window.side[:, None, None] * means)


class StartOnRays(nn.Module):
    """Moves raw Gaussians of the patches to where the picture's pixels may be.

    A predicted offset then counts along the ray and, less, across it, in the camera's axes: the
    front view stays sharp while depth is learnt. Lengths are in the window's sides.
    """

    places: Tensor  # of the rays in the window, "p k 2"
    depths: Tensor  # behind the plane through the origin, "k"
    log_scales: Tensor  # "k"

    def __init__(self, config: RayStart, patches: int, per_token: int, frame: FrontFrame) -> None:
        """Lay out the rays of `patches` x `patches` tokens of `per_token` Gaussians each."""
        super().__init__()
        self.config, self.per_token, self.frame = config, per_token, frame
        layers = [(config.cells, -config.depth), (config.back_cells, config.depth)]
        layers = [(cells, depth) for cells, depth in layers if cells]
        with torch.device("cpu"):
            depths = torch.cat([torch.full((cells**2,), depth) for cells, depth in layers])
            steps = _GOLDEN * torch.arange(len(depths)) % 1
            unit = config.overlap * frame.radius / frame.focal / patches
            scales = [torch.full((cells**2,), math.log(unit / cells)) for cells, _ in layers]
            fixed = {
                "places": torch.cat([_cells(patches, cells) for cells, _ in layers], dim=1),
                "depths": depths + config.spread * (2 * steps - 1),
                "log_scales": torch.cat(scales),
            }
        for name, value in fixed.items():
            self.register_buffer(name, value, persistent=False)

    def forward(
        self,
        raw: RawAttributes,
        free: Float[Tensor, "b g 3"],
        placed: Placed,
        images: Float[Tensor, "b 3 h w"],
        window: Window,
        bound: Bound,
    ) -> RawAttributes:
        """Change the patches' first Gaussians where the picture shows the object.

        Args:
            raw: of all tokens: the class token, the patches row by row, then the others.
            free: where they are if they do not start on rays.
            placed: what the decoders start from.
            images: II, sRGB in [0, 1].
            window: of each picture, over which the patches lie.
            bound: of depths.
        """
        patches, count = self.places.shape[:2]
        places = window.places(self.places)
        colors = F.grid_sample(images, 2 * places - 1, padding_mode="border", align_corners=False)
        colors = rearrange(colors, "b c p k -> b p k c")
        seen = shows_object(colors, rim_color(images), self.config.contrast)

        def of_rays(values: Float[Tensor, "b g c"]) -> Float[Tensor, "b p k c"]:
            tokens = values.unflatten(1, (-1, self.per_token))
            return tokens[:, 1 : 1 + patches, :count]

        side = window.side[:, None, None, None]
        offsets = of_rays(raw.means) - placed.means[:count].to(images)
        along = bound(side * (offsets[..., 2:] + self.depths[:, None]))
        across = self.config.sideways * side * offsets[..., :2] @ self.frame.axes[:2]
        rays = self.frame.rays(places)
        larger = placed.raw_scale(self.log_scales)[:, None] - placed.scale
        opaquer = math.log(self.config.opacity / (1 - self.config.opacity)) - placed.opacity
        new = RawAttributes(
            means=self.frame.position + (self.frame.radius + along) * rays + across,
            scales=of_rays(raw.scales) + larger,
            quaternions=of_rays(raw.quaternions),
            colors=of_rays(raw.colors) + colors.clamp(_DARKEST, _BRIGHTEST).logit(),
            opacities=of_rays(raw.opacities) + opaquer,
        )
        return raw._replace(means=free).replaced(new, seen, self.per_token)
