"""Between two inputs: image tokens blended linearly, N fixed (Sec. IV-F, Fig. 9)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from einops import pack
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from dd3g_kedro.ablation.config import Interpolation
from dd3g_kedro.ablation.results import named
from dd3g_kedro.benchmark.protocol import Manifest
from dd3g_kedro.benchmark.truth.views import ring
from dd3g_kedro.core.objective.background import composite
from dd3g_kedro.core.rendering.render import render
from dd3g_kedro.core.student.pepd import PEPD
from dd3g_kedro.core.student.weights import Student
from dd3g_kedro.core.training.pictures import picture_rows
from dd3g_kedro.core.types import Gaussians
from dd3g_kedro.pictures.input_images import InputImages, pictures_in


@dataclass(frozen=True)
class Path3D:
    """Renderings along the way from one input to another."""

    names: tuple[str, str]
    frames: Float[Tensor, "f v 3 h w"]  # sRGB over white
    inputs: Float[Tensor, "2 3 h w"]

    def steps(self) -> dict[str, float]:
        """How even the way is (Ours): RMSE between neighbours, in parts of the whole way's RMSE.

        A way whose pictures change by the same amount in each of n steps, always in one direction,
        has a mean and a largest step of 1/n; a jump makes the largest one 1.
        """
        whole = _rmse(self.frames[:1], self.frames[-1:]).clamp_min(1e-12)
        parts = _rmse(self.frames[:-1], self.frames[1:]) / whole
        return {
            "steps": float(len(parts)),
            "whole_rmse": float(whole),
            "mean_step": float(parts.mean()),
            "largest_step": float(parts.max()),
        }


def _rmse(
    one: Float[Tensor, "f v 3 h w"], other: Float[Tensor, "f v 3 h w"]
) -> Float[Tensor, " f"]:
    return (one - other).square().mean(dim=(1, 2, 3, 4)).sqrt()


def lift_tokens(
    generator: PEPD,
    image_tokens: Float[Tensor, "b t d"],
    noise: Float[Tensor, "b v c y x"],
    rays: Float[Tensor, "b v 6 y x"],
) -> Gaussians:
    """G = p2(I + p1(I, N, C)), I image tokens that need not be any picture's (Eq. 2)."""
    pattern_tokens = generator.pattern_extraction(image_tokens, noise, rays)
    tokens, _ = pack([image_tokens, pattern_tokens], "b * d")
    return generator.progressive_decoding(tokens)


@torch.inference_mode()
def interpolate(
    student: Student,
    pictures: Float[Tensor, "2 3 h w"],
    names: tuple[str, str],
    config: Interpolation,
) -> Path3D:
    """(1 - beta) I_1 + beta I_2 for evenly spaced beta, the same N for all.

    Raises:
        ValueError: the student has no image tokens to blend.
    """
    if not isinstance(student.generator, PEPD):
        raise ValueError(
            "interpolation needs a student with image and pattern tokens (PEPD), got "
            f"{type(student.generator).__name__}"
        )
    device = next(student.parameters()).device
    first, second = student.generator.image_encoder(pictures.to(device))
    noise, rays = student.noise([config.seed]).to(device), student.rays(1).to(device)
    azimuths = config.azimuths_deg
    elevations = (student.config.elevation_deg,) * len(azimuths)
    cameras = ring(azimuths, elevations, student.config.rig).to(device)
    white = torch.ones(1, 3, device=device)
    frames = []
    for beta in torch.linspace(0, 1, config.frames).tolist():
        tokens = ((1 - beta) * first + beta * second)[None]
        gaussians = lift_tokens(student.generator, tokens, noise, rays)
        drawn = render(gaussians, cameras, student.config.image_size, white)
        frames.append(drawn.images[0].cpu().clamp(0, 1))
    return Path3D(names, torch.stack(frames), pictures.cpu())


def interpolations(student: Student, folder: Path, config: Interpolation) -> list[Path3D]:
    """Between neighbours in a folder of pictures, over white.

    Raises:
        ValueError: there are fewer than two pictures.
    """
    files = pictures_in(folder)
    if len(files) < 2:
        raise ValueError(f"{folder}: expected at least two pictures (*.png), found {len(files)}")
    images, ids = InputImages(files, student.config.image_size), list(files)
    ways = []
    for one, other in list(zip(ids[::2], ids[1::2], strict=False))[: config.pairs]:
        pictures = [composite(images(i, None).float() / 255, torch.ones(3)) for i in (one, other)]
        names = images.name(one), images.name(other)
        ways.append(interpolate(student, torch.stack(pictures), names, config))
    return ways


def strip(ways: Sequence[Path3D]) -> Image.Image:
    """A row for each way and camera: the first input, the frames, the second input."""
    return picture_rows(
        [
            [way.inputs[0], *way.frames[:, view], way.inputs[1]]
            for way in ways
            for view in range(way.frames.shape[1])
        ]
    )


def smoothness(ways: Sequence[Path3D], manifest: Manifest) -> dict[str, object]:
    """The measures of each way and their means, for a JSON file.

    The pictures are inputs of the benchmark that `manifest` describes.
    """
    each = {" to ".join(way.names): way.steps() for way in ways}
    keys = ("mean_step", "largest_step", "steps")
    means = {key: sum(found[key] for found in each.values()) / len(each) for key in keys}
    return {"protocol": named(manifest), "mean": means, "ways": each}
