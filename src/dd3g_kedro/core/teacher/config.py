"""What a teacher is made of; free of torch, so that Kedro starts fast."""

from __future__ import annotations

from dataclasses import field
from typing import Annotated, Literal

from pydantic import Field, PositiveInt

from dd3g_kedro.core.config_building import configuration
from dd3g_kedro.core.geometry.config import CameraRig

_GROUPS = 32  # GroupNorm groups, fixed by the released network


@configuration
class UNetConfig:
    """The multi-view U-Net. Defaults are ImageDream's, the names are its configuration file's."""

    in_channels: PositiveInt = 4  # latent channels
    out_channels: PositiveInt = 4
    model_channels: PositiveInt = 320
    num_res_blocks: PositiveInt = 2  # a level
    attention_resolutions: tuple[PositiveInt, ...] = (4, 2, 1)  # down-sampling factors, not sizes
    channel_mult: Annotated[tuple[int | float, ...], Field(min_length=1)] = (1, 2, 4, 4)
    # a level each; may be fractional
    num_head_channels: PositiveInt = 64
    context_dim: PositiveInt = 1024  # text and image tokens
    camera_dim: PositiveInt = 16
    ip_dim: PositiveInt = 16  # image tokens that the Resampler makes
    ip_weight: float = 1.0  # of the image tokens' attention beside the text's
    image_size: PositiveInt = 32  # latent cells a side; the network itself takes any size
    # blocks an attention layer; or of every level
    transformer_depth: PositiveInt | tuple[PositiveInt, ...] = 1
    # Fixed in the released code, so not in its files:
    ip_embedding_dim: PositiveInt = 1280  # width of the image encoder's tokens
    resampler_depth: PositiveInt = 4
    resampler_heads: PositiveInt = 12
    resampler_head_dim: PositiveInt = 64
    # Ours: each cell's ray beside its latents, through cameras of this field of view; 0: none
    ray_fov_deg: Annotated[float, Field(ge=0, lt=180)] = 0.0

    def __post_init__(self) -> None:
        if self.channel_mult[0] != 1:
            raise ValueError(f"channel_mult must start with 1, got {self.channel_mult}")
        self._check_depths()
        self._check_channels()
        # those of no level are idle, as in the released code
        if any(factor & (factor - 1) for factor in self.attention_resolutions):
            raise ValueError(
                "attention_resolutions must be down-sampling factors (1, 2, 4, ...), got "
                f"{self.attention_resolutions}"
            )

    def _check_depths(self) -> None:
        depths = self.transformer_depth
        if isinstance(depths, tuple) and len(depths) != len(self.channel_mult):
            raise ValueError(
                "transformer_depth must be one number, or one of at least 1 for each of the "
                f"{len(self.channel_mult)} levels, got {list(depths)}"
            )

    def _check_channels(self) -> None:
        exact = [self.model_channels * factor for factor in self.channel_mult]
        for channels, width in zip(exact, self.channels, strict=True):
            if channels != width or width % _GROUPS:
                raise ValueError(
                    f"model_channels times channel_mult must be multiples of {_GROUPS},"
                    f" got {channels:g}"
                )
        attending = [c for c, on in zip(self.channels, self.attends, strict=True) if on]
        for width in [*attending, self.channels[-1]]:
            if width % self.num_head_channels:
                raise ValueError(
                    "num_head_channels must divide the channels of every level with "
                    f"attention, got {self.num_head_channels} for {width}"
                )

    @property
    def channels(self) -> tuple[int, ...]:
        """Channels of every level, finest first."""
        return tuple(int(self.model_channels * factor) for factor in self.channel_mult)

    @property
    def attends(self) -> tuple[bool, ...]:
        """Whether a level has attention; the middle block always has."""
        return tuple(
            2**level in self.attention_resolutions for level in range(len(self.channel_mult))
        )


@configuration
class TeacherConfig:
    """How images, cameras and latents relate for one teacher (U_base)."""

    image_size: PositiveInt  # pixels a side, of the input image and of every view
    encoder_size: PositiveInt  # pixels a side that the image encoder sees
    encoder_layer: int = -2  # which hidden state of the image encoder gives the image tokens
    views: Literal[4] = 4  # ImageDream's orbit
    input_relative: bool = False  # azimuths count from the input image's camera, not the front
    imagenet_stages: tuple[int, ...] = ()  # Ours: whose pretrained features join the image tokens
    elevation_deg: float = 5.0  # of the views and of the input image; ImageDream's demo value
    rig: CameraRig = field(default_factory=CameraRig)
    unet: UNetConfig
