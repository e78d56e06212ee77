"""U_base's network: diffusers' U-Net, attending across an object's frames."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from einops import rearrange
from jaxtyping import Float, Real
from torch import Tensor, nn

from dd3g_kedro.core.teacher.attention import (
    KeysValues,
    attend_across_views,
    cross_keys_values,
)
from dd3g_kedro.core.teacher.cameras import rays_of_vectors
from dd3g_kedro.core.teacher.config import UNetConfig
from dd3g_kedro.core.teacher.resampler import Resampler

RAY_CHANNELS = 6  # beside the latents', where a configuration has rays


class _CameraUNet(UNet2DConditionModel):
    """diffusers' U-Net, whose class embedding (the camera MLP) may be left out of a call."""

    def get_class_embed(self, sample: Tensor, class_labels: Tensor | None) -> Tensor | None:
        """Nothing where there is no camera; diffusers raises instead."""
        return None if class_labels is None else super().get_class_embed(sample, class_labels)


def _diffusers_config(config: UNetConfig) -> dict:
    down = ["CrossAttnDownBlock2D" if on else "DownBlock2D" for on in config.attends]
    up = ["CrossAttnUpBlock2D" if on else "UpBlock2D" for on in reversed(config.attends)]
    # diffusers calls the number of heads "attention_head_dim"
    heads = tuple(max(width // config.num_head_channels, 1) for width in config.channels)
    return {
        "sample_size": config.image_size,
        "in_channels": config.in_channels + (RAY_CHANNELS if config.ray_fov_deg else 0),
        "out_channels": config.out_channels,
        "block_out_channels": config.channels,
        "layers_per_block": config.num_res_blocks,
        "down_block_types": tuple(down),
        "up_block_types": tuple(up),
        "attention_head_dim": heads,
        "cross_attention_dim": config.context_dim,
        "transformer_layers_per_block": config.transformer_depth,
        "use_linear_projection": True,
        "class_embed_type": "projection",
        "projection_class_embeddings_input_dim": config.camera_dim,
    }


class MultiViewUNet(nn.Module):
    """ImageDream's noise prediction for the frames of several objects at once (eps_phi).

    Rows are object-major: row = object * num_frames + frame. With the pixel controller the last
    frame of each object is the input image.
    """

    def __init__(self, config: UNetConfig) -> None:
        super().__init__()
        self.config = config
        self.network = _CameraUNet(**_diffusers_config(config))
        attend_across_views(self.network, config.context_dim, config.ip_weight)
        self.image_embed = Resampler(config)
        self.views_only = False  # whether the network leaves the input image's frame out (`fast`)
        self._silence_residual_branches()

    def _silence_residual_branches(self) -> None:
        """Start as the released network did: last layers of all branches and the output at zero."""
        silent = ("conv2", "proj_out", "conv_out")
        for name, module in self.network.named_modules():
            if name.rsplit(".", 1)[-1] in silent:
                for parameter in module.parameters():
                    nn.init.zeros_(parameter)

    def embed_image_tokens(self, ip: Float[Tensor, "n k e"]) -> Float[Tensor, "n i d"]:
        """The Resampler's context tokens."""
        return self.image_embed(ip.to(self.network.dtype))

    def keys_values(
        self, context: Float[Tensor, "m t d"], image_tokens: Float[Tensor, "k i d"]
    ) -> tuple[KeysValues, ...]:
        """What the cross-attentions attend to; constant while sampling, so compute it once."""
        dtype = self.network.dtype
        return cross_keys_values(self.network, context.to(dtype), image_tokens.to(dtype))

    def forward(
        self,
        x: Float[Tensor, "n c y x"],
        timesteps: Real[Tensor, " n"],
        context: Float[Tensor, "m t d"] | None,
        camera: Float[Tensor, "n a"] | None = None,
        ip: Float[Tensor, "k e f"] | None = None,
        ip_img: Float[Tensor, "b c y x"] | None = None,
        num_frames: int = 5,
        *,
        image_tokens: Float[Tensor, "k i d"] | None = None,
        keys_values: tuple[KeysValues, ...] | None = None,
    ) -> Float[Tensor, "n o y x"]:
        """Predict the noise of every row; `x` is not modified.

        Args:
            x: noisy latents.
            timesteps: integers, or floats of at least 32 bits.
            context: text tokens; a row for each of `x`, or for each object, or one for all; None
                where `keys_values` are given.
            camera: conditioning vectors (`core.teacher.cameras`).
            ip: image encoder tokens, rows as in `context`.
            ip_img: clean latents of the input images; they replace each object's last frame.
            num_frames: of one object, the input image's included.
            image_tokens: what `embed_image_tokens` made of `ip`, given instead of it.
            keys_values: what `keys_values` made of `context` and `image_tokens`, instead of both.

        Raises:
            ValueError: timesteps in half precision (bfloat16 turns 981 into 980), rows that do not
                fit together, a network in float16 on a CPU, or one prepared for sampling without
                the input images.
        """
        if keys_values is None:
            if context is None:
                raise ValueError("the U-Net needs context or keys_values, got neither")
            if image_tokens is None and ip is not None:
                image_tokens = self.embed_image_tokens(ip)
            if image_tokens is None:
                context, image_tokens = self._without_image(context)
            keys_values = self.keys_values(context, image_tokens)
        self._check(x, timesteps, len(keys_values[0][0]), num_frames, ip_img)
        dtype = self.network.dtype
        if ip_img is not None:
            x = self._with_image_frame(x, ip_img, num_frames)
        if self.config.ray_fov_deg:
            x = self._with_rays(x, camera)
        out = self.network(
            x.to(dtype),
            timesteps,
            keys_values,
            class_labels=None if camera is None else camera.to(dtype),
            cross_attention_kwargs={"num_frames": num_frames},
            return_dict=False,
        )[0]
        if not self.views_only:
            return out
        return F.pad(out.unflatten(0, (-1, num_frames - 1)), (0, 0) * 3 + (0, 1)).flatten(0, 1)

    @staticmethod
    def _with_image_frame(
        x: Float[Tensor, "n c y x"], ip_img: Float[Tensor, "b c y x"], num_frames: int
    ) -> Float[Tensor, "n c y x"]:
        """The pixel controller: a copy of `x` whose last frames are the input images."""
        frames = rearrange(x, "(b f) c y x -> b f c y x", f=num_frames)
        return torch.cat([frames[:, :-1], ip_img.to(x.dtype)[:, None]], dim=1).flatten(0, 1)

    def _with_rays(
        self, x: Float[Tensor, "n c y x"], camera: Float[Tensor, "n a"] | None
    ) -> Float[Tensor, "n d y x"]:
        """The latents and their cells' rays; without cameras, and for the input image, zeros."""
        if camera is None:
            return F.pad(x, (0, 0, 0, 0, 0, RAY_CHANNELS))
        rays = rays_of_vectors(camera, self.config.ray_fov_deg, x.shape[-1])
        return torch.cat([x, rays.to(x.dtype)], dim=1)

    def _without_image(
        self, context: Float[Tensor, "m t d"]
    ) -> tuple[Float[Tensor, "m s d"], Float[Tensor, "m i d"]]:
        """As released: without an image, the last text rows stand for its tokens."""
        text = context.shape[1] - self.config.ip_dim
        if text < 1:
            raise ValueError(
                f"without an image, context must have more than {self.config.ip_dim} tokens, got "
                f"{context.shape[1]}; give ip or image_tokens"
            )
        return context[:, :text], context[:, text:]

    def _check(
        self, x: Tensor, timesteps: Tensor, contexts: int, num_frames: int, ip_img: Tensor | None
    ) -> None:
        if timesteps.dtype in (torch.bfloat16, torch.float16):
            raise ValueError(f"timesteps must be int64 or float32, got {timesteps.dtype}")
        for name, count in (("num_frames", num_frames), ("rows of context", contexts)):
            if len(x) % count:
                raise ValueError(f"{name} must divide the {len(x)} rows of x, got {count}")
        if self.views_only and (ip_img is None or len(x) // num_frames % contexts):
            raise ValueError(
                "a U-Net that is prepared for sampling takes ip_img, and one row of context an "
                f"object or one for all, got {'no ip_img' if ip_img is None else contexts} for "
                f"{len(x) // num_frames} objects"
            )
        if self.network.dtype == torch.float16 and x.device.type == "cpu":
            raise ValueError(
                "the teacher's U-Net is in float16 on the CPU, which has no products in float16; "
                "use float32, or bfloat16 where the processor has it (core.devices.network_dtype)"
            )
