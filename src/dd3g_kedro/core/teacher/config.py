"""What a teacher is made of; free of torch, so that Kedro starts fast."""

from __future__ import annotations

from dataclasses import dataclass, field

from dd3g_kedro.core.config_building import build_fields
from dd3g_kedro.core.geometry.config import CameraRig

_GROUPS = 32  # GroupNorm groups, fixed by the released network


@dataclass(frozen=True, kw_only=True)
class UNetConfig:
    """The multi-view U-Net. Defaults are ImageDream's, the names are its configuration file's."""

    in_channels: int = 4  # latent channels
    out_channels: int = 4
    model_channels: int = 320
    num_res_blocks: int = 2  # a level
    attention_resolutions: tuple[int, ...] = (4, 2, 1)  # down-sampling factors, not sizes
    channel_mult: tuple[int | float, ...] = (1, 2, 4, 4)  # a level; may be fractional
    num_head_channels: int = 64
    context_dim: int = 1024  # text and image tokens
    camera_dim: int = 16
    ip_dim: int = 16  # image tokens that the Resampler makes
    ip_weight: float = 1.0  # of the image tokens' attention beside the text's
    image_size: int = 32  # latent cells a side; the network itself takes any size
    transformer_depth: int | tuple[int, ...] = 1  # blocks an attention layer; or of every level
    # Fixed in the released code, so not in its files:
    ip_embedding_dim: int = 1280  # width of the image encoder's tokens
    resampler_depth: int = 4
    resampler_heads: int = 12
    resampler_head_dim: int = 64
    # Ours: each cell's ray beside its latents, through cameras of this field of view; 0: none
    ray_fov_deg: float = 0.0

    def __post_init__(self) -> None:
        build_fields(self, "unet")
        if not self.channel_mult or self.channel_mult[0] != 1:
            raise ValueError(f"unet.channel_mult must start with 1, got {self.channel_mult}")
        for name, value in self.__dict__.items():
            if isinstance(value, int) and value < 1:
                raise ValueError(f"unet.{name} must be at least 1, got {value}")
        self._check_depths()
        self._check_channels()
        # those of no level are idle, as in the released code
        if any(factor < 1 or factor & (factor - 1) for factor in self.attention_resolutions):
            raise ValueError(
                "unet.attention_resolutions must be down-sampling factors (1, 2, 4, ...), got "
                f"{self.attention_resolutions}"
            )

    def _check_depths(self) -> None:
        depths = self.transformer_depth
        if isinstance(depths, tuple) and (
            len(depths) != len(self.channel_mult) or min(depths, default=0) < 1
        ):
            raise ValueError(
                "unet.transformer_depth must be one number, or one of at least 1 for each of the "
                f"{len(self.channel_mult)} levels, got {list(depths)}"
            )
        if not 0 <= self.ray_fov_deg < 180:
            raise ValueError(
                f"unet.ray_fov_deg must lie in [0, 180), 0 for no rays, got {self.ray_fov_deg}"
            )

    def _check_channels(self) -> None:
        exact = [self.model_channels * factor for factor in self.channel_mult]
        for channels, width in zip(exact, self.channels, strict=True):
            if channels != width or width % _GROUPS:
                raise ValueError(
                    f"unet.model_channels times unet.channel_mult must be multiples of {_GROUPS},"
                    f" got {channels:g}"
                )
        attending = [c for c, on in zip(self.channels, self.attends, strict=True) if on]
        for width in [*attending, self.channels[-1]]:
            if width % self.num_head_channels:
                raise ValueError(
                    "unet.num_head_channels must divide the channels of every level with "
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


@dataclass(frozen=True, kw_only=True)
class TeacherConfig:
    """How images, cameras and latents relate for one teacher (U_base)."""

    image_size: int  # pixels a side, of the input image and of every view
    encoder_size: int  # pixels a side that the image encoder sees
    encoder_layer: int = -2  # which hidden state of the image encoder gives the image tokens
    views: int = 4
    input_relative: bool = False  # azimuths count from the input image's camera, not the front
    imagenet_stages: tuple[int, ...] = ()  # Ours: whose pretrained features join the image tokens
    elevation_deg: float = 5.0  # of the views and of the input image; ImageDream's demo value
    rig: CameraRig = field(default_factory=CameraRig)
    unet: UNetConfig

    def __post_init__(self) -> None:
        if self.views != 4:
            raise ValueError(f"teacher.views must be 4 (ImageDream's orbit), got {self.views}")
