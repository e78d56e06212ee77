"""The benchmark's input views as pictures for the teacher: images that no row learns from."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from PIL import Image

from dd3g_kedro.core.ablation.config import HeldOut
from dd3g_kedro.core.evaluation.benchmark import evenly
from dd3g_kedro.core.evaluation.config import EvaluateConfig
from dd3g_kedro.core.evaluation.stored_views import StoredViews, stored_objects
from dd3g_kedro.core.files import written_whole
from dd3g_kedro.core.quadruples.config import Sampling
from dd3g_kedro.core.quadruples.sampling import SourceImage


def write_held_out(
    stored: StoredViews, config: EvaluateConfig, held_out: HeldOut, folder: Path
) -> Path:
    """Write the inputs of some benchmark objects, a PNG each, and nothing else, into `folder`.

    Raises:
        InvalidShard: the stored views cannot be read.
    """
    handles = evenly(stored_objects(stored, replace(config, limit=None)), held_out.images)
    wanted = {}
    for handle in handles:
        pixels = (handle.load().sighting.rgba * 255).round().to(torch.uint8)
        wanted[f"{handle.name}.png"] = Image.fromarray(pixels.permute(1, 2, 0).numpy())
    for stale in {path.name for path in folder.glob("*.png")} - set(wanted):
        (folder / stale).unlink()
    for name, picture in wanted.items():
        with written_whole(folder / name) as partial:
            picture.save(partial, format="PNG")
    return folder


def images_in(folder: Path) -> list[SourceImage]:
    """The pictures of a folder; an id is a hash of the file."""
    return [
        SourceImage(hashlib.sha256(path.read_bytes()).hexdigest()[:16], path.name)
        for path in sorted(folder.glob("*.png"))
    ]


def held_out_sampling(sampling: Sampling, held_out: HeldOut) -> Sampling:
    """As the training's quadruples, but several N an image, framed as in the benchmark."""
    return replace(sampling, seeds_per_image=held_out.seeds, images=None, border_ratio=None)


def first_images(images: Sequence[SourceImage], limit: int | None) -> list[SourceImage]:
    """The images that the ablation uses: the first in the order of their ids, a random one."""
    return sorted(images, key=lambda image: image.image_id)[:limit]
