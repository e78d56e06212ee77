"""Toys in the place of large things: a tiny teacher, a tiny student, quadruples of both."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image

from dd3g_kedro.core.quadruples.config import Sampling
from dd3g_kedro.core.quadruples.shards import QuadrupleShards
from dd3g_kedro.core.student.config import StudentConfig
from dd3g_kedro.core.student.weights import Student
from dd3g_kedro.core.teacher.config import UNetConfig
from dd3g_kedro.core.teacher.teacher import Teacher
from dd3g_kedro.factory.sampling import sample
from dd3g_kedro.mini_teacher.config import AutoencoderConfig, MiniTeacherConfig, VisionConfig
from dd3g_kedro.mini_teacher.model import build_mini_teacher
from dd3g_kedro.pictures.input_images import pictures_in

SIZE = 16

TINY_SAMPLING = Sampling(
    steps=2, guidance_scale=2.0, seeds_per_image=2, batch_size=2, shard_size=2, seed=3
)


def tiny_mini_config() -> MiniTeacherConfig:
    """All parts of the mini teacher at 16 pixels."""
    return MiniTeacherConfig(
        image_size=SIZE,
        unet=UNetConfig(
            model_channels=32,
            num_res_blocks=1,
            attention_resolutions=(1,),
            channel_mult=(1, 2),
            num_head_channels=16,
            context_dim=8,
            ip_dim=3,
            image_size=8,
            ip_embedding_dim=16,
            resampler_depth=1,
            resampler_heads=2,
            resampler_head_dim=4,
        ),
        autoencoder=AutoencoderConfig(latent_channels=4, channels=(16, 16)),
        vision=VisionConfig(width=16, layers=1, heads=2, patch_size=8),
    )


def tiny_teacher(seed: int = 0) -> Teacher:
    """An untrained teacher whose output depends on all that it is told."""
    teacher = build_mini_teacher(tiny_mini_config(), seed)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in teacher.unet.parameters():
            fan = max(parameter[0].numel(), 1)
            parameter.copy_(torch.randn(parameter.shape, generator=generator) / fan**0.5)
    teacher.fingerprint = f"tiny-{seed}"
    return teacher.requires_grad_(requires_grad=False).eval()


def tiny_student_config() -> StudentConfig:
    """A student that fits `tiny_teacher`; 96 Gaussians."""
    tap = {"blocks": (1, 2), "weights": (0.2, 0.8)}
    names = ("means", "log_scales", "quaternions", "colors", "opacities")
    return StudentConfig(
        image_size=SIZE,
        latent_channels=4,
        latent_size=8,
        azimuths_deg=(-90, 0, 90, 180),
        elevation_deg=5,
        pepd={  # type: ignore[arg-type]  # nested values are built from literals
            "image_encoder": {
                "image_size": SIZE,
                "patch_size": 8,
                "width": 32,
                "blocks": 1,
                "heads": 2,
            },
            "pattern_extraction": {
                "frames": 5,
                "noise_channels": 4,
                "latent_size": 8,
                "width": 32,
                "blocks": 1,
                "head_width": 16,
                "pattern_channels": 1,
            },
            "progressive_decoding": {
                "width": 32,
                "blocks": 2,
                "head_width": 16,
                "taps": dict.fromkeys(names, tap),
                "gaussians_per_token": 10,
                "decoder_width": 32,
                "initial": {"log_scale": -3.1, "opacity": 0.5},
            },
        },
    )


def tiny_student(seed: int = 0) -> Student:
    """An untrained student."""
    return Student.from_config(tiny_student_config(), seed)


def write_images(folder: Path, count: int) -> dict[str, Path]:
    """Discs of different colours on transparency; their files by id."""
    folder.mkdir(parents=True, exist_ok=True)
    y, x = np.mgrid[:SIZE, :SIZE]
    inside = (y - SIZE / 2) ** 2 + (x - SIZE / 2) ** 2 < (SIZE / 3) ** 2
    for number in range(count):
        color = np.random.default_rng(number).integers(0, 256, 3)
        rgba = np.zeros((SIZE, SIZE, 4), np.uint8)
        rgba[inside] = [*color, 255]
        Image.fromarray(rgba).save(folder / f"disc{number}.png")
    return {
        image_id: path
        for image_id, path in pictures_in(folder).items()
        if int(path.stem.removeprefix("disc")) < count
    }


def tiny_quadruples(
    folder: Path, count: int = 2
) -> tuple[QuadrupleShards, dict[str, Path], Teacher]:
    """Shards of two quadruples an image, their images by id and their teacher."""
    images, teacher = write_images(folder / "images", count), tiny_teacher()
    destination = folder / "quadruples"
    sample(images, teacher, TINY_SAMPLING, destination)
    return QuadrupleShards(destination), images, teacher
