"""The mini teacher: every part of ImageDream, small and untrained."""

from __future__ import annotations

import torch
from diffusers import AutoencoderKL, DDIMScheduler
from transformers import CLIPVisionConfig, CLIPVisionModel

from dd3g_kedro.core.teacher.config import TeacherConfig
from dd3g_kedro.core.teacher.teacher import Teacher
from dd3g_kedro.core.teacher.unet import MultiViewUNet
from dd3g_kedro.mini_teacher.config import AutoencoderConfig, MiniTeacherConfig, VisionConfig


def build_autoencoder(config: AutoencoderConfig, image_size: int) -> AutoencoderKL:
    """An untrained VAE."""
    levels = len(config.channels)
    return AutoencoderKL(
        sample_size=image_size,
        latent_channels=config.latent_channels,
        block_out_channels=config.channels,
        layers_per_block=config.layers_per_block,
        down_block_types=("DownEncoderBlock2D",) * levels,
        up_block_types=("UpDecoderBlock2D",) * levels,
        norm_num_groups=min(32, *(channels // 2 for channels in config.channels)),
        scaling_factor=1.0,
    )


def build_image_encoder(config: VisionConfig, image_size: int) -> CLIPVisionModel:
    """An untrained image encoder, trained along with the U-Net."""
    return CLIPVisionModel(
        CLIPVisionConfig(
            hidden_size=config.width,
            intermediate_size=4 * config.width,
            num_hidden_layers=config.layers,
            num_attention_heads=config.heads,
            patch_size=config.patch_size,
            image_size=image_size,
        )
    )


def build_schedule() -> DDIMScheduler:
    """Ours: velocity prediction and zero terminal SNR, where ImageDream predicts noise.

    Stable Diffusion's last step leaves 0.6 % of the image in x_T; a small teacher then paints the
    noise's mean brightness into large even backgrounds.
    """
    return DDIMScheduler(
        num_train_timesteps=1000,
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        prediction_type="v_prediction",
        rescale_betas_zero_snr=True,
        timestep_spacing="trailing",
        clip_sample=False,
        set_alpha_to_one=True,
    )


def build_mini_teacher(config: MiniTeacherConfig, seed: int) -> Teacher:
    """Put the untrained parts together; the weights follow from the seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Teacher(
            TeacherConfig(
                image_size=config.image_size,
                encoder_size=config.image_size,
                encoder_layer=-1,
                input_relative=True,
                imagenet_stages=config.vision.imagenet_stages,
                elevation_deg=config.elevation_deg,
                rig=config.rig,
                unet=config.unet,
            ),
            MultiViewUNet(config.unet),
            build_autoencoder(config.autoencoder, config.image_size),
            build_image_encoder(config.vision, config.image_size),
            build_schedule(),
            # Ours: the mini teacher has no text encoder; the empty prompt is one token of zeros
            torch.zeros(1, 1, config.unet.context_dim),
        )
