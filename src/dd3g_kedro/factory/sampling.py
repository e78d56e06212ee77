"""Sampling as it is run: one process a GPU, each with a fast teacher."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path

from dd3g_kedro.core.devices import default_device, precision_dtype
from dd3g_kedro.core.files import alone_in
from dd3g_kedro.core.processes import rank
from dd3g_kedro.core.quadruples.collection import Collection, PlannedShard
from dd3g_kedro.core.quadruples.config import Sampling
from dd3g_kedro.core.quadruples.sampling import planned_collection, sample_missing
from dd3g_kedro.core.teacher.teacher import Teacher
from dd3g_kedro.engine.ranks import on_all_devices
from dd3g_kedro.fast.teacher import ready
from dd3g_kedro.pictures.input_images import InputImages

_KEY = "parameters_sample.yml or --params: sampling.mixed_precision"


def sample(
    images: Mapping[str, Path], teacher: Teacher, sampling: Sampling, destination: Path
) -> Path:
    """All quadruples of the accepted images, files by id, in `destination`.

    What is there under the same identity is kept, quadruple by quadruple; what does not belong
    there is set aside. The manifest is complete when everything is there.

    Raises:
        DD3GError: there is no accepted image, the teacher's views cannot be used, or another
            process samples into this folder.
        InvalidImage: a picture has changed since it was validated, or cannot be read.
    """
    collection = planned_collection(list(images), teacher, sampling, destination)
    with alone_in(destination) if rank() == 0 else nullcontext():
        collection.arrange()
        todo = collection.missing()
        arguments = (collection, todo, images, teacher, sampling)
        on_all_devices(_sample_here, *arguments, processes=sampling.processes)
        collection.finish()
    return destination


def ready_to_sample(teacher: Teacher, sampling: Sampling) -> Teacher:
    """On this process's device, its network in the precision that `sampling` asks for.

    Raises:
        DD3GError: float16 is asked for on a CPU.
    """
    device = default_device()
    dtype = precision_dtype(_KEY, sampling.mixed_precision, device)
    return ready(teacher, device, dtype, sampling.compile)


def _sample_here(
    collection: Collection,
    todo: Sequence[PlannedShard],
    images: Mapping[str, Path],
    teacher: Teacher,
    sampling: Sampling,
) -> None:
    size = None if sampling.border_ratio is not None else teacher.config.image_size
    pictures = InputImages(images, size)
    sample_missing(collection, todo, pictures, teacher, sampling, ready_to_sample)
