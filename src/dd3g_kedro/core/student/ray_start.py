"""Ours: a start on the input picture's rays, where it shows the object, with its colours."""

from __future__ import annotations

import math

import torch
from einops import rearrange
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from dd3g_kedro.core.geometry.cameras import camera_to_world
from dd3g_kedro.core.geometry.config import CameraRig
from dd3g_kedro.core.geometry.pinhole import cell_rays, front_camera
from dd3g_kedro.core.student.blocks import full_precision
from dd3g_kedro.core.student.cloud_config import RayStart
from dd3g_kedro.core.student.initial_cloud import Placed, RawAttributes

_GOLDEN = 0.6180339887498949  # its multiples fill [0, 1) evenly
_DARKEST, _BRIGHTEST = 0.02, 0.98  # whose logits a colour may start with


def rim_color(images: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 3"]:
    """The colour that a picture is laid over: the median of its outermost pixels."""
    rows, columns = images[..., [0, -1], :], images[..., :, [0, -1]]
    return torch.cat([rows.flatten(2), columns.flatten(2)], dim=2).median(dim=2).values


def _by_patch(values: Float[Tensor, "g c"], patches: int, cells: int) -> Float[Tensor, "p k c"]:
    """Values of all cells, row by row, as those of every patch."""
    axes = {"y": patches, "j": cells, "x": patches, "i": cells}
    return rearrange(values, "(y j x i) c -> (y x) (j i) c", **axes)


class StartOnRays(nn.Module):
    """Moves raw Gaussians of the patches to where the picture's pixels may be.

    A predicted offset then counts along the ray and, less, across it, in the camera's axes: the
    front view stays sharp while depth is learnt.
    """

    def __init__(
        self, config: RayStart, patches: int, per_token: int, elevation_deg: float, rig: CameraRig
    ) -> None:
        """Lay out the rays of `patches` x `patches` tokens of `per_token` Gaussians each."""
        super().__init__()
        self.config = config
        self.per_token = per_token
        layers = [(config.cells, -config.depth), (config.back_cells, config.depth)]
        layers = [layer for layer in layers if layer[0]]
        with torch.device("cpu"):  # also where a model is built on `meta`
            camera = front_camera(elevation_deg, rig)
            pose = camera_to_world(camera)[0, 0]
            focal = camera.intrinsics[0, 0, 0, 0]
            local = torch.cat(
                [_by_patch(cell_rays(camera, patches * n), patches, n) for n, _ in layers], dim=1
            )
            rays = local @ pose[:3, :3].T
            depths = torch.cat([torch.full((cells**2,), depth) for cells, depth in layers])
            steps = _GOLDEN * torch.arange(len(depths)) % 1
            depths = rig.radius + depths + config.spread * (2 * steps - 1)
            apart = [float(rig.radius / focal) / (patches * cells) for cells, _ in layers]
            scales = [
                torch.full((cells**2,), math.log(config.overlap * spacing))
                for (cells, _), spacing in zip(layers, apart, strict=True)
            ]
        fixed = {
            "places": 2 * focal * rearrange(local[..., :2], "p k c -> (p k) c"),  # in [-1, 1]
            "rays": rays,
            "points": pose[:3, 3] + depths[:, None] * rays,
            "across": pose[:3, :2].T,  # right and down
            "log_scales": torch.cat(scales),
        }
        for name, value in fixed.items():
            self.register_buffer(name, value, persistent=False)

    def seen(
        self, images: Float[Tensor, "b 3 h w"]
    ) -> tuple[Float[Tensor, "b p k 3"], Bool[Tensor, "b p k"]]:
        """The picture's colour at every ray, and whether that is the object's."""
        grid = self.places.to(images).expand(len(images), 1, -1, -1)
        colors = F.grid_sample(images, grid, padding_mode="border", align_corners=False)
        colors = rearrange(colors, "b c 1 (p k) -> b p k c", p=len(self.rays))
        away = (colors - rim_color(images)[:, None, None]).abs().amax(dim=-1)
        return colors, away > self.config.contrast

    def forward(
        self, raw: RawAttributes, placed: Placed, images: Float[Tensor, "b 3 h w"]
    ) -> RawAttributes:
        """Change the patches' first Gaussians where the picture shows the object.

        Args:
            raw: of all tokens: the class token, the patches row by row, then the others.
            placed: what the decoders start from.
            images: II, sRGB in [0, 1].
        """
        with full_precision(images):
            colors, seen = self.seen(images.float())
            count, patches = self.rays.shape[1], len(self.rays)

            def of_rays(values: Float[Tensor, "b g *c"]) -> Float[Tensor, "b p k *c"]:
                tokens = values.unflatten(1, (-1, self.per_token))
                return tokens[:, 1 : 1 + patches, :count]

            offsets = of_rays(raw.means) - placed.means[:count].to(images)
            moved = self.points + offsets[..., 2:] * self.rays
            moved = moved + self.config.sideways * offsets[..., :2] @ self.across
            bright = colors.clamp(_DARKEST, _BRIGHTEST)
            larger = placed.raw_scale(self.log_scales)[:, None] - placed.scale
            opaquer = math.log(self.config.opacity / (1 - self.config.opacity)) - placed.opacity
            new = RawAttributes(
                means=moved,
                scales=of_rays(raw.scales) + larger,
                quaternions=of_rays(raw.quaternions),
                colors=of_rays(raw.colors) + bright.logit(),
                opacities=of_rays(raw.opacities) + opaquer,
            )
            return raw.replaced(new, seen, self.per_token)
