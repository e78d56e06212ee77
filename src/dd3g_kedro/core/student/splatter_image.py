"""SI: Splatter Image (Table II, b; [38]), distilled like PEPD."""

from __future__ import annotations

import math

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from dd3g_kedro.core.gaussians.activation import (
    LOG_SCALE_FLOOR,
    squeezed_sigmoid,
    unit_quaternions,
)
from dd3g_kedro.core.geometry.config import CameraRig
from dd3g_kedro.core.geometry.pinhole import cell_rays, front_camera, to_world
from dd3g_kedro.core.student.blocks import full_precision, start_near
from dd3g_kedro.core.student.config import SplatterImageConfig
from dd3g_kedro.core.student.image_encoder import resized
from dd3g_kedro.core.types import Cameras, Gaussians

SH_C0 = 0.28209479177387814  # the constant spherical harmonic


def build_unet(config: SplatterImageConfig) -> nn.Module:
    """diffusers' U-Net without its time: pictures to maps of `width` channels, of the same size.

    Departs: it stands for SongUNet, its near relative, with the same widths, levels and attention.
    """
    from diffusers import UNet2DModel
    from diffusers.models.resnet import ResnetBlock2D

    attends = [size == config.attention_size for size in config.level_sizes]
    unet = UNet2DModel(
        sample_size=config.grid_size,
        out_channels=config.width,
        down_block_types=tuple("AttnDownBlock2D" if a else "DownBlock2D" for a in attends),
        up_block_types=tuple("AttnUpBlock2D" if a else "UpBlock2D" for a in reversed(attends)),
        block_out_channels=tuple(config.width * m for m in config.multipliers),
        layers_per_block=config.blocks,
        attention_head_dim=config.head_width,
        norm_num_groups=math.gcd(32, config.width, max(config.width // 4, 1)),
    )
    unet.time_embedding = _NoTime()
    for module in unet.modules():
        if isinstance(module, ResnetBlock2D):
            module.time_emb_proj = None
    return unet


class _NoTime(nn.Module):
    def forward(self, time: Tensor) -> None:
        """Give the blocks nothing to add."""


def activate_pixels(
    camera: Cameras,
    config: SplatterImageConfig,
    *,
    depths: Float[Tensor, "b g"],
    offsets: Float[Tensor, "b g 3"],
    log_scales: Float[Tensor, "b g 3"],
    quaternions: Float[Tensor, "b g 4"],
    colors: Float[Tensor, "b g 3"],
    opacities: Float[Tensor, "b g"],
) -> Gaussians:
    """One Gaussian a cell of the camera's picture, row by row, from raw values, in float32.

    Its mean is (x, y, 1) depth + offset in camera axes, with (x, y, 1) on the cell's ray and depth
    sigmoid in radius -+ `depth_reach`; scale exp, quaternion q / |q|, colour 0.5 + C0 raw (the
    constant harmonic), opacity sigmoid.

    Ours: quaternions turn from the world's axes, for the camera never moves; log s is clamped to
    [-9, 0], invisible to the whole box, so that no exp overflows, and colours to [0, 1]. That is
    SI's own activation: PEPD's (-9, -3) does not bind it.
    """
    radius = camera.world_to_camera[0, 0, 2, 3]
    along = radius + config.depth_reach * (2 * depths.sigmoid() - 1)
    means = cell_rays(camera, config.grid_size) * along[..., None] + offsets
    return Gaussians(
        means=to_world(means, camera),
        log_scales=log_scales.clamp(LOG_SCALE_FLOOR, 0.0),
        quaternions=unit_quaternions(quaternions),
        colors=(0.5 + SH_C0 * colors).clamp(0, 1),
        opacities=squeezed_sigmoid(opacities),
    )


class SplatterImage(nn.Module):
    """G = SI(II): every pixel of the input image, ground too, becomes a Gaussian; N, C unused.

    The input's camera is fixed, as the paper fixes it (Sec. IV-C); Ours: azimuth 0, the student's
    elevation and rig. Ours: heads start at one value for all pixels, on the plane through the
    origin that faces the camera.
    """

    def __init__(self, config: SplatterImageConfig, elevation_deg: float, rig: CameraRig) -> None:
        super().__init__()
        self.config, self.elevation_deg, self.rig = config, elevation_deg, rig
        self.unet = build_unet(config)
        scale, opacity = math.log(config.initial_scale), config.initial_opacity
        starts = {
            "depths": [0.0],
            "offsets": [0.0] * 3,
            "log_scales": [scale] * 3,
            "quaternions": [1.0, 0.0, 0.0, 0.0],
            "colors": [0.0] * 3,
            "opacities": [math.log(opacity / (1 - opacity))],
        }
        self.heads = nn.ModuleDict(
            {name: start_near(torch.tensor(start), config.width) for name, start in starts.items()}
        )

    def forward(
        self,
        input_image: Float[Tensor, "b 3 h w"],
        noise: Float[Tensor, "b v c y x"],  # noqa: ARG002, as every generator's
        rays: Float[Tensor, "b v 6 y x"],  # noqa: ARG002
    ) -> Gaussians:
        """Lift pictures, sRGB in [0, 1]."""
        maps = self.unet(resized(input_image, self.config.grid_size), timestep=0).sample
        with full_precision(maps):  # half precision would round positions
            camera = front_camera(self.elevation_deg, self.rig).to(maps.device)
            pixels = rearrange(maps.float(), "b d y x -> b (y x) d")
            raw = {name: head(pixels) for name, head in self.heads.items()}
            for name in ("depths", "opacities"):
                raw[name] = rearrange(raw[name], "b g 1 -> b g")
            return activate_pixels(camera, self.config, **raw)
