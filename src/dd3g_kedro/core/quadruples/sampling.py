"""Simulating the teacher's ODE: shards of quadruples from accepted images (Sec. IV-A)."""

from __future__ import annotations

import hashlib
import json
import logging
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from dd3g_kedro.core.errors import DD3GError
from dd3g_kedro.core.objective.background import composite, random_background
from dd3g_kedro.core.processes import available_cores, rank, ranks
from dd3g_kedro.core.progress import track
from dd3g_kedro.core.quadruples.config import Sampling
from dd3g_kedro.core.quadruples.shards import (
    QuadrupleRow,
    encode_png,
    shard_plan,
    write_shard,
)
from dd3g_kedro.core.teacher.cameras import frame_azimuths
from dd3g_kedro.core.teacher.teacher import Teacher
from dd3g_kedro.core.types import InputPictures, to_bytes

_LOG = logging.getLogger(__name__)
_THREADS = 8  # at most, for PNG: it takes longer than the network on a fast GPU


@dataclass(frozen=True)
class SourceImage:
    """An accepted image: its id (from its pixels) and where it lies."""

    image_id: str
    file: str  # relative to the images' folder


@dataclass(frozen=True)
class _Job:
    """One quadruple to be made."""

    image: SourceImage
    seed: int


def _derived_seed(*parts: object) -> int:
    digest = hashlib.sha256("/".join(str(part) for part in parts).encode()).digest()
    return int.from_bytes(digest[:8], "little") >> 1  # 63 bits: fits a signed column


def image_background(image_id: str, sampling_seed: int) -> Float[Tensor, "3"]:
    """The colour behind II and OI. Ours: one an image, drawn by Eq. 8 from its id.

    The paper varies the background in implicit verification only; a student that sees one fixed
    colour in explicit supervision hides Gaussians of that colour around the object.
    """
    generator = torch.Generator().manual_seed(_derived_seed("background", sampling_seed, image_id))
    return random_background(1, generator)[0]


class QuadrupleSampler:
    """Makes rows of a teacher's quadruples, a batch at a time."""

    def __init__(self, teacher: Teacher, pictures: InputPictures, sampling: Sampling) -> None:
        self.device = teacher.device
        self.teacher = teacher
        self.pictures = pictures
        self.sampling = sampling
        self._threads = ThreadPoolExecutor(min(_THREADS, available_cores()))

    def _background(self, image_id: str) -> Float[Tensor, "3"]:
        white = self.sampling.background == "white"
        return torch.ones(3) if white else image_background(image_id, self.sampling.seed)

    def _pictures(self, jobs: Sequence[_Job]) -> list[Float[Tensor, "3 _ _"]]:
        """II of each, over its background; recentred ones at their own size, as LGM's.

        On the CPU: CLIP's are truncated to 8 bits, which a GPU's rounding would move by a level.
        """

        def picture(image: SourceImage) -> Float[Tensor, "3 s s"]:
            rgba = self.pictures(image.file, self.sampling.border_ratio).float() / 255
            return composite(rgba, self._background(image.image_id))

        images = dict.fromkeys(job.image for job in jobs)
        known = dict(zip(images, self._threads.map(picture, images), strict=True))
        return [known[job.image] for job in jobs]

    @torch.inference_mode()
    def views(self, jobs: Sequence[_Job]) -> UInt8[Tensor, "b v 3 h w"]:
        """OI of one batch; a short one is filled up, so that its shape is always the same."""
        size = self.sampling.batch_size
        filled = [*jobs, *[jobs[-1]] * (size - len(jobs))]
        views = self.teacher.views(
            self._pictures(filled),
            [job.seed for job in filled],
            self.sampling.steps,
            self.sampling.guidance_scale,
        )
        return to_bytes(views[: len(jobs)]).cpu()

    def rows(self, jobs: Sequence[_Job], views: UInt8[Tensor, "b v 3 h w"]) -> list[QuadrupleRow]:
        """What is stored of a batch."""
        pictures = self._threads.map(encode_png, views.flatten(0, 1))
        return [
            QuadrupleRow(
                image_id=job.image.image_id,
                file=job.image.file,
                border_ratio=self.sampling.border_ratio,
                seed=job.seed,
                background=tuple(self._background(job.image.image_id).tolist()),
                azimuths_deg=tuple(frame_azimuths().rad2deg().round(decimals=6).tolist()),
                elevation_deg=self.teacher.config.elevation_deg,
                guidance_scale=self.sampling.guidance_scale,
                steps=self.sampling.steps,
                batch_size=self.sampling.batch_size,
                batch_place=place,
                teacher=self.teacher.fingerprint,
                output_images=tuple(islice(pictures, views.shape[1])),
            )
            for place, job in enumerate(jobs)
        ]

    def again(self, row: QuadrupleRow) -> QuadrupleRow:
        """Make a stored quadruple again, in the place that it had in its batch."""
        jobs = [_Job(SourceImage(row.image_id, row.file), row.seed)] * (row.batch_place + 1)
        return self.rows(jobs, self.views(jobs))[-1]


def _plans(images: Sequence[SourceImage], sampling: Sampling) -> list[list[_Job]]:
    jobs = [
        _Job(image, _derived_seed("noise", sampling.seed, image.image_id, repeat))
        for image in images[: sampling.images]
        for repeat in range(sampling.seeds_per_image)
    ]
    return [jobs[i : i + sampling.shard_size] for i in range(0, len(jobs), sampling.shard_size)]


def _plan_fingerprint(jobs: Sequence[_Job], sampling: Sampling, teacher: str) -> str:
    free = ["images", "shard_size", "processes"]
    usual = {"background": "random", "mixed_precision": "auto"}
    # shards from before there was a choice stay valid
    free += [key for key, value in usual.items() if getattr(sampling, key) == value]
    fixed = {k: v for k, v in asdict(sampling).items() if k not in free}
    content = [fixed, teacher, [(job.image.image_id, job.seed) for job in jobs]]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def collect_quadruples(
    images: Sequence[SourceImage],
    pictures: InputPictures,
    teacher: Teacher,
    sampling: Sampling,
    destination: Path,
    prepare: Callable[[Teacher, Sampling], Teacher] = lambda teacher, _: teacher,
) -> Path:
    """Sample all quadruples into `destination`, shard by shard; whole shards are kept.

    A run that was killed goes on with the first missing shard and ends with the same files as one
    that was not; but for rounding on a GPU where `compile` is on: cuDNN then takes whichever kernel
    was the fastest in this run.

    Args:
        images: the accepted ones.
        pictures: gives II by file.
        teacher: whose views they are.
        sampling: how.
        destination: folder of the shards.
        prepare: makes the teacher ready to be asked; called where there is anything to sample.

    Raises:
        DD3GError: there is no accepted image.
    """
    if not images:
        raise DD3GError(
            "the image table has no accepted image. Look at the contact sheet for the reasons, "
            "put other images in, or overrule in data/03_primary/decisions.csv; then run validate "
            "again."
        )
    destination.mkdir(parents=True, exist_ok=True)
    shards = _plans(images, sampling)
    names = [f"{number:05d}.parquet" for number in range(len(shards))]
    for stale in set(destination.glob("*.parquet")) - {destination / name for name in names}:
        _LOG.info("removing %s: this configuration has only %d shards", stale, len(shards))
        stale.unlink(missing_ok=True)
    todo = [
        (destination / name, jobs, plan)
        for name, jobs in list(zip(names, shards, strict=True))[rank() :: ranks()]
        if shard_plan(destination / name)
        != (plan := _plan_fingerprint(jobs, sampling, teacher.fingerprint))
    ]
    total = sum(len(jobs) for jobs in shards[rank() :: ranks()])
    done = total - sum(len(jobs) for _, jobs, _ in todo)
    if todo:
        _sample_shards(
            QuadrupleSampler(prepare(teacher, sampling), pictures, sampling), todo, total, done
        )
    return destination


def _sample_shards(
    sampler: QuadrupleSampler, todo: list[tuple[Path, list[_Job], str]], total: int, done: int
) -> None:
    size = sampler.sampling.batch_size

    def store(path: Path, batches: list[tuple[list[_Job], Tensor]], plan: str) -> None:
        write_shard([row for batch in batches for row in sampler.rows(*batch)], path, plan)

    def finished() -> Iterator[_Job]:
        with ThreadPoolExecutor(1) as writer:  # a shard is written while the next is sampled
            writing: list[Future[None]] = []
            for path, jobs, plan in todo:
                batches = []
                for first in range(0, len(jobs), size):
                    batch = jobs[first : first + size]
                    batches.append((batch, sampler.views(batch)))
                    yield from batch
                for written in writing:
                    written.result()
                writing = [writer.submit(store, path, batches, plan)]
            for written in writing:
                written.result()

    if rank() > 0:  # the first process's bar speaks for all: their shares are equal
        deque(finished(), maxlen=0)
        return
    for _ in track(finished(), total, "sampling", "quadruples", done):
        continue
