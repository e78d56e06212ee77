"""The benchmark's input views as pictures for the teacher: images that no row learns from."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import torch
from PIL import Image

from dd3g_kedro.ablation.config import HeldOut
from dd3g_kedro.benchmark.comparison import benchmark_handles
from dd3g_kedro.benchmark.config import EvaluateConfig
from dd3g_kedro.benchmark.run import OBJECT_FAILURES
from dd3g_kedro.benchmark.truth.stored_views import StoredViews
from dd3g_kedro.benchmark.truth.views import evenly
from dd3g_kedro.core.files import written_whole
from dd3g_kedro.core.quadruples.config import Sampling

_LOG = logging.getLogger(__name__)


def write_held_out(
    stored: StoredViews, config: EvaluateConfig, held_out: HeldOut, folder: Path
) -> Path:
    """Write the inputs of some benchmark objects, a PNG each, and nothing else, into `folder`.

    An object that cannot be used is passed over, with a warning.

    Raises:
        InvalidShard: the stored views cannot be read.
        InvalidMesh: the protocol's folder has no meshes.
    """
    handles = evenly(benchmark_handles(stored, replace(config, limit=None)), held_out.images)
    wanted = {}
    for handle in handles:
        try:
            rgba = handle.load().sighting.rgba
        except OBJECT_FAILURES as error:
            _LOG.warning("held out: %s cannot be used: %s", handle.name, error)
            continue
        pixels = (rgba * 255).round().to(torch.uint8).permute(1, 2, 0).cpu().numpy()
        wanted[handle.name.replace("/", "_") + ".png"] = Image.fromarray(pixels)
    for stale in {path.name for path in folder.glob("*.png")} - set(wanted):
        (folder / stale).unlink()
    for name, picture in wanted.items():
        with written_whole(folder / name) as partial:
            picture.save(partial, format="PNG")
    return folder


def held_out_sampling(sampling: Sampling, held_out: HeldOut) -> Sampling:
    """As the training's quadruples, but several N an image, framed as in the benchmark."""
    return replace(sampling, seeds_per_image=held_out.seeds, images=None, border_ratio=None)
