"""Other looks for rendered pictures, where the paper has images of a text-to-image model (Ours).

The paper's 80k synthetic images are drawn by a diffusion model from prompts. Here every rendered
picture is recoloured and drawn in another manner, its outline kept: a stand-in that needs no other
model, and that is farther from the benchmark's renderings as theirs are.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageChops, ImageEnhance, ImageFilter, ImageOps

from dd3g_kedro.ablation.config import Stylisation
from dd3g_kedro.core.files import written_whole
from dd3g_kedro.core.identity import Identity
from dd3g_kedro.core.progress import track
from dd3g_kedro.pictures.config import ImageLimits
from dd3g_kedro.pictures.reading import read_rgba

STYLIST = "stylising 1"  # raise when a picture changes; a golden test watches


def _flat(picture: Image.Image) -> Image.Image:
    """Few colours, as in a poster."""
    return ImageOps.posterize(picture.filter(ImageFilter.MedianFilter(3)), 2)


def _painted(picture: Image.Image) -> Image.Image:
    """Blotches of one colour, as of a broad brush."""
    size = max(picture.width // 64, 1) * 2 + 3
    return picture.filter(ImageFilter.MedianFilter(size)).filter(ImageFilter.ModeFilter(size))


def _lined(picture: Image.Image) -> Image.Image:
    """Smooth colours with dark lines along the edges, as in a comic."""
    smooth = picture.filter(ImageFilter.MedianFilter(5))
    edges = smooth.convert("L").filter(ImageFilter.FIND_EDGES).point(lambda v: min(4 * v, 255))
    return ImageChops.subtract(smooth, Image.merge("RGB", [edges] * 3))


def _soft(picture: Image.Image) -> Image.Image:
    """Blurred and bright, as in watercolours."""
    return ImageEnhance.Brightness(picture.filter(ImageFilter.GaussianBlur(1.5))).enhance(1.25)


MANNERS: tuple[Callable[[Image.Image], Image.Image], ...] = (_flat, _painted, _lined, _soft)


def stylised(
    rgba: UInt8[np.ndarray, "h w 4"], draw: np.random.Generator
) -> UInt8[np.ndarray, "h w 4"]:
    """Turn the hue, change saturation and contrast, draw in one of four manners; alpha is kept.

    Args:
        rgba: sRGB with straight alpha.
        draw: decides on hue, strength and manner.
    """
    inside = rgba[..., 3] > 0
    mean = rgba[inside, :3].mean(axis=0) if inside.any() else np.full(3, 128)
    filled = np.where(inside[..., None], rgba[..., :3], mean).astype(np.uint8)
    hue, saturation, value = Image.fromarray(filled).convert("HSV").split()
    turn = int(draw.integers(32, 224))  # of 256: never near the colours it had
    hue = hue.point(lambda v: (v + turn) % 256)
    picture = Image.merge("HSV", (hue, saturation, value)).convert("RGB")
    picture = ImageEnhance.Color(picture).enhance(draw.uniform(0.8, 1.8))
    picture = ImageEnhance.Contrast(picture).enhance(draw.uniform(0.9, 1.4))
    manner = MANNERS[int(draw.integers(len(MANNERS)))]
    colors = np.where(inside[..., None], np.asarray(manner(picture)), 0).astype(np.uint8)
    return np.concatenate([colors, rgba[..., 3:]], axis=-1)


def _generator(image_id: str, seed: int, variant: int) -> np.random.Generator:
    digest = hashlib.sha256(f"stylise/{image_id}/{seed}/{variant}".encode()).digest()
    return np.random.default_rng(list(digest[:16]))


def stylised_images(
    images: Mapping[str, Path], stylisation: Stylisation
) -> list[tuple[str, str, int]]:
    """Each variant of each image: the source's id, the file that is made of it, its number.

    The file's name is its identity, so a file that is there needs not be made again.
    """
    seed = stylisation.seed
    return [
        (
            image_id,
            f"{Identity.of(STYLIST, image=image_id, seed=seed, variant=number).name}.png",
            number,
        )
        for image_id in images
        for number in range(stylisation.variants)
    ]


def write_stylised(images: Mapping[str, Path], stylisation: Stylisation, destination: Path) -> Path:
    """Write all variants of the pictures, files by id, to `destination`; what is there is kept.

    Raises:
        InvalidImage: a picture has changed, or cannot be read any more.
    """
    destination.mkdir(parents=True, exist_ok=True)
    plan = stylised_images(images, stylisation)
    for stale in {path.name for path in destination.glob("*.png")} - {file for _, file, _ in plan}:
        (destination / stale).unlink()
    todo = [job for job in plan if not (destination / job[1]).is_file()]
    done = len(plan) - len(todo)
    for image_id, file, variant in track(todo, len(plan), "stylising", "pictures", done):
        rgba = read_rgba(images[image_id], ImageLimits(), image_id=image_id)
        pixels = (rgba * 255).round().byte().permute(1, 2, 0).numpy()
        other = stylised(pixels, _generator(image_id, stylisation.seed, variant))
        with written_whole(destination / file) as partial:
            Image.fromarray(other).save(partial, format="PNG")
    return destination
