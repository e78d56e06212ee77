"""Sampling as it is run: one process a GPU, each with a fast teacher."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dd3g_kedro.core.devices import default_device, precision_dtype
from dd3g_kedro.core.quadruples.config import Sampling
from dd3g_kedro.core.quadruples.sampling import SourceImage, collect_quadruples
from dd3g_kedro.core.teacher.teacher import Teacher
from dd3g_kedro.engine.ranks import on_all_devices
from dd3g_kedro.fast.teacher import ready
from dd3g_kedro.pictures.input_images import InputImages

_KEY = "parameters_sample.yml or --params: sampling.mixed_precision"


def sample(
    images: Sequence[SourceImage],
    images_folder: Path,
    teacher: Teacher,
    sampling: Sampling,
    destination: Path,
) -> Path:
    """All quadruples of a folder's accepted images, in `destination` (`collect_quadruples`)."""
    arguments = (images, images_folder, teacher, sampling, destination)
    return on_all_devices(_sample_here, *arguments, processes=sampling.processes)


def ready_to_sample(teacher: Teacher, sampling: Sampling) -> Teacher:
    """On this process's device, its network in the precision that `sampling` asks for.

    Raises:
        DD3GError: float16 is asked for on a CPU.
    """
    device = default_device()
    dtype = precision_dtype(_KEY, sampling.mixed_precision, device)
    return ready(teacher, device, dtype, sampling.compile)


def _sample_here(
    images: Sequence[SourceImage],
    images_folder: Path,
    teacher: Teacher,
    sampling: Sampling,
    destination: Path,
) -> Path:
    size = None if sampling.border_ratio is not None else teacher.config.image_size
    pictures = InputImages(images_folder, size)
    return collect_quadruples(images, pictures, teacher, sampling, destination, ready_to_sample)
