"""Simulating the teacher's ODE: shards of quadruples from accepted images (Sec. IV-A)."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from itertools import islice
from pathlib import Path

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from dd3g_kedro.core.errors import DD3GError
from dd3g_kedro.core.geometry.cameras import orbit
from dd3g_kedro.core.identity import Identity, deciding
from dd3g_kedro.core.objective.background import composite, random_background
from dd3g_kedro.core.processes import available_cores, rank, ranks
from dd3g_kedro.core.progress import track
from dd3g_kedro.core.quadruples.collection import Collection, Job, PlannedShard
from dd3g_kedro.core.quadruples.config import Sampling
from dd3g_kedro.core.quadruples.shards import QuadrupleRow, encode_png
from dd3g_kedro.core.teacher.cameras import frame_azimuths
from dd3g_kedro.core.teacher.teacher import Teacher
from dd3g_kedro.core.types import Cameras, InputPictures, to_bytes

SAMPLER = "sampling 1"  # raise when a quadruple changes; a golden test watches
_FREE = ("images", "shard_size", "processes", "seeds_per_image")  # say which, not what
_TURN_DEG = 45.0  # at most, either way: the front frame stays the one nearest to the input's camera
_THREADS = 8  # at most, for PNG: it takes longer than the network on a fast GPU


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

    def _stand(self, job: Job) -> tuple[tuple[float, ...], float]:
        """Where its cameras stand: azimuths of the frames and their elevation, in degrees.

        Ours: some are turned. Four directions alone leave a student's Gaussians free to look like
        anything from between them.
        """
        seed = _derived_seed("cameras", self.sampling.seed, job.image_id, job.seed)
        generator = torch.Generator().manual_seed(seed)
        share, side, height = torch.rand(3, generator=generator, dtype=torch.float64).tolist()
        frames = frame_azimuths().rad2deg().double()
        elevation = self.teacher.config.elevation_deg
        if share < self.sampling.turned:
            frames = frames + _TURN_DEG * (2 * side - 1)
            lowest, highest = self.sampling.turned_elevation_deg
            elevation = round(lowest + (highest - lowest) * height, 6)
        return tuple(frames.round(decimals=6).tolist()), elevation

    def _cameras(self, jobs: Sequence[Job]) -> Cameras:
        azimuths, elevations = zip(*(self._stand(job) for job in jobs), strict=True)
        azimuth = torch.tensor(azimuths).deg2rad().to(self.device)
        elevation = torch.tensor(elevations).deg2rad().to(self.device)
        elevation = elevation[:, None].expand_as(azimuth)
        return orbit(azimuth, elevation, self.teacher.config.rig)

    def _pictures(self, jobs: Sequence[Job]) -> list[Float[Tensor, "3 _ _"]]:
        """II of each, over its background; recentred ones at their own size, as LGM's.

        On the CPU: CLIP's are truncated to 8 bits, which a GPU's rounding would move by a level.
        """

        def picture(image_id: str) -> Float[Tensor, "3 s s"]:
            rgba = self.pictures(image_id, self.sampling.border_ratio).float() / 255
            return composite(rgba, self._background(image_id))

        images = dict.fromkeys(job.image_id for job in jobs)
        known = dict(zip(images, self._threads.map(picture, images), strict=True))
        return [known[job.image_id] for job in jobs]

    @torch.inference_mode()
    def views(self, jobs: Sequence[Job]) -> UInt8[Tensor, "b v 3 h w"]:
        """OI of one batch; a short one is filled up, so that its shape is always the same.

        Raises:
            DD3GError: an object's views are not numbers, or all black.
        """
        size = self.sampling.batch_size
        filled = [*jobs, *[jobs[-1]] * (size - len(jobs))]
        views = self.teacher.views(
            self._pictures(filled),
            [job.seed for job in filled],
            self.sampling.steps,
            self.sampling.guidance_scale,
            self._cameras(filled),
            self.sampling.temperature,
        )[: len(jobs)]
        for job, images in zip(jobs, views, strict=True):
            if not (images.isfinite().all() and (images > 0).any()):
                raise DD3GError(
                    f"image {self.pictures.name(job.image_id)}: expected views of an object from "
                    "the teacher, got "
                    f"{'black ones' if images.isfinite().all() else 'no numbers (NaN)'}; nothing "
                    "of this batch was stored. Look at the teacher's weights, "
                    "sampling.guidance_scale and sampling.mixed_precision."
                )
        return to_bytes(views).cpu()

    def rows(self, jobs: Sequence[Job], views: UInt8[Tensor, "b v 3 h w"]) -> list[QuadrupleRow]:
        """What is stored of a batch."""
        pictures = self._threads.map(encode_png, views.flatten(0, 1))
        stands = [self._stand(job) for job in jobs]
        return [
            QuadrupleRow(
                image_id=job.image_id,
                border_ratio=self.sampling.border_ratio,
                seed=job.seed,
                background=tuple(self._background(job.image_id).tolist()),
                azimuths_deg=stands[place][0],
                elevation_deg=stands[place][1],
                guidance_scale=self.sampling.guidance_scale,
                temperature=self.sampling.temperature,
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
        jobs = [Job(row.image_id, row.seed)] * (row.batch_place + 1)
        return self.rows(jobs, self.views(jobs))[-1]


def planned_collection(
    image_ids: Sequence[str], teacher: Teacher, sampling: Sampling, folder: Path
) -> Collection:
    """What `folder` is to hold: the quadruples of the accepted images, in the order of their ids.

    Raises:
        DD3GError: there is no accepted image.
    """
    if not image_ids:
        raise DD3GError(
            "the image table has no accepted image. Look at the contact sheet for the reasons, "
            "put other images in, or overrule in data/03_primary/decisions.csv; then run validate "
            "again."
        )
    jobs = [
        Job(image_id, _derived_seed("noise", sampling.seed, image_id, repeat))
        for image_id in sorted(image_ids)[: sampling.images]
        for repeat in range(sampling.seeds_per_image)
    ]
    identity = Identity.of(SAMPLER, sampling=deciding(sampling, _FREE), teacher=teacher.fingerprint)
    return Collection.of(folder, identity, jobs, sampling.shard_size)


def sample_missing(
    collection: Collection,
    todo: Sequence[PlannedShard],
    pictures: InputPictures,
    teacher: Teacher,
    sampling: Sampling,
    prepare: Callable[[Teacher, Sampling], Teacher] = lambda teacher, _: teacher,
) -> None:
    """Make this process's part of the missing shards; kept quadruples are taken, others sampled.

    A run that was killed goes on with the first missing shard and ends with the same files as one
    that was not; but for rounding on a GPU where `compile` is on: cuDNN then takes whichever kernel
    was the fastest in this run. With `batch_size: 1` quadruples that were kept equal new ones bit
    for bit; in larger batches the place may round differently.

    Args:
        collection: arranged already.
        todo: what was missing of it then, the same for all processes.
        pictures: gives II by id.
        teacher: whose views they are.
        sampling: how.
        prepare: makes the teacher ready to be asked; called where there is anything to sample.
    """
    absent = {shard.name for shard in collection.missing()}
    mine = [shard for shard in todo[rank() :: ranks()] if shard.name in absent]
    if not mine:
        return
    known = collection.known()

    @cache
    def sampler() -> QuadrupleSampler:
        return QuadrupleSampler(prepare(teacher, sampling), pictures, sampling)

    total = sum(len(shard.jobs) for shard in collection.shards[rank() :: ranks()])
    left = sum(job not in known for shard in mine for job in shard.jobs)
    sampled = _sampled(collection, mine, known, sampler, sampling.batch_size)
    if rank() > 0:  # the first process's bar speaks for all: their shares are equal
        deque(sampled, maxlen=0)
        return
    for _ in track(sampled, total, "sampling", "quadruples", max(total - left, 0)):
        continue


def _sampled(
    collection: Collection,
    todo: Sequence[PlannedShard],
    known: Mapping[Job, Path],
    sampler: Callable[[], QuadrupleSampler],
    size: int,
) -> Iterator[Job]:
    """Sample and store shard by shard; yields each quadruple that was sampled."""

    def store(
        shard: PlannedShard, rows: dict[Job, QuadrupleRow], made: list[tuple[list[Job], Tensor]]
    ) -> None:
        for jobs, views in made:
            rows |= zip(jobs, sampler().rows(jobs, views), strict=True)
        collection.store(shard, rows)

    with ThreadPoolExecutor(1) as writer:  # a shard is written while the next is sampled
        writing: list[Future[None]] = []
        for shard in todo:
            rows = collection.take(shard, known)
            jobs = [job for job in shard.jobs if job not in rows]
            made = []
            for first in range(0, len(jobs), size):
                batch = jobs[first : first + size]
                made.append((batch, sampler().views(batch)))
                yield from batch
            for written in writing:
                written.result()
            writing = [writer.submit(store, shard, rows, made)]
        for written in writing:
            written.result()
