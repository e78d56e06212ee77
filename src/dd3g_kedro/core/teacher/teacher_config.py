"""What a teacher is besides its weights."""

from __future__ import annotations

from dataclasses import dataclass, field

from dd3g_kedro.core.config_building import build_fields
from dd3g_kedro.core.geometry.config import CameraRig
from dd3g_kedro.core.teacher.config import UNetConfig


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


@dataclass(frozen=True, kw_only=True)
class AutoencoderConfig:
    """The mini teacher's VAE, diffusers' `AutoencoderKL`."""

    latent_channels: int
    channels: tuple[int, ...]  # a level each; every level but the last halves the resolution
    layers_per_block: int = 1

    @property
    def factor(self) -> int:
        """Pixels a latent cell, along one axis."""
        return 2 ** (len(self.channels) - 1)


@dataclass(frozen=True, kw_only=True)
class VisionConfig:
    """The mini teacher's image encoder, transformers' `CLIPVisionModel`."""

    width: int
    layers: int
    heads: int
    patch_size: int
    imagenet_stages: tuple[int, ...] = ()  # Ours: EfficientNet-Lite0's that join the tokens


@dataclass(frozen=True, kw_only=True)
class MiniTeacherConfig:
    """ImageDream's architecture at small size (design: same classes, other numbers)."""

    image_size: int
    elevation_deg: float = 5.0
    rig: CameraRig = field(default_factory=CameraRig)
    unet: UNetConfig
    autoencoder: AutoencoderConfig
    vision: VisionConfig

    def __post_init__(self) -> None:
        build_fields(self, "mini_teacher")
        if self.image_size % (self.autoencoder.factor * 2 ** (len(self.unet.channel_mult) - 1)):
            raise ValueError(
                f"mini_teacher.image_size must be divisible by the autoencoder's factor "
                f"{self.autoencoder.factor} and by the U-Net's levels, got {self.image_size}"
            )
        if self.unet.in_channels != self.autoencoder.latent_channels:
            raise ValueError(
                "mini_teacher.unet.in_channels must equal autoencoder.latent_channels "
                f"({self.autoencoder.latent_channels}), got {self.unet.in_channels}"
            )
        if self.unet.ip_embedding_dim != self.vision.width:
            raise ValueError(
                f"mini_teacher.unet.ip_embedding_dim must equal vision.width ({self.vision.width}),"
                f" got {self.unet.ip_embedding_dim}"
            )
