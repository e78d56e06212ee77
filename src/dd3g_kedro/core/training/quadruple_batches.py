"""Quadruples served as training batches, the next one read while this one is learnt from."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float, Int
from torch import Tensor

from dd3g_kedro.core.errors import InvalidShard
from dd3g_kedro.core.geometry.cameras import orbit
from dd3g_kedro.core.geometry.config import CameraRig
from dd3g_kedro.core.images.background import composite
from dd3g_kedro.core.noise import noise_from_seeds
from dd3g_kedro.core.quadruples.input_images import InputImages
from dd3g_kedro.core.quadruples.shards import QuadrupleRow, QuadrupleShards, decode_png
from dd3g_kedro.core.types import Quadruples

_AHEAD = 3  # batches


@dataclass(frozen=True)
class QuadrupleBatch:
    """Quadruples with their input images' alpha, for other backgrounds."""

    quadruples: Quadruples
    input_rgba: Float[Tensor, "b 4 h w"]

    def to(self, device: torch.device) -> QuadrupleBatch:
        """Move to a device."""
        q = self.quadruples
        moved = Quadruples(
            q.noise.to(device),
            q.cameras.to(device),
            q.input_image.to(device),
            q.output_images.to(device),
            q.background.to(device),
        )
        return QuadrupleBatch(moved, self.input_rgba.to(device))


def epoch_order(step: int, batch_size: int, count: int, seed: int) -> Int[Tensor, " b"]:
    """Which quadruples step `step` sees: a new permutation each epoch, no state to keep."""
    places = torch.arange(step * batch_size, (step + 1) * batch_size)
    chosen = torch.empty_like(places)
    for epoch in (places // count).unique().tolist():
        generator = torch.Generator().manual_seed(seed * 1_000_003 + epoch)
        order = torch.randperm(count, generator=generator)
        here = places // count == epoch
        chosen[here] = order[places[here] % count]
    return chosen


class QuadrupleBatches:
    """Decodes batches of shards in the background.

    Raises:
        InvalidShard: a row was made for latents or views of another size.
    """

    def __init__(
        self,
        shards: QuadrupleShards,
        images_folder: Path,
        image_size: int,
        noise_shape: tuple[int, int, int, int],
        rig: CameraRig,
        workers: int = 4,
    ) -> None:
        self.shards = shards
        self._images = InputImages(images_folder, image_size)
        self._image_size = image_size
        self._noise_shape = noise_shape
        self._rig = rig
        self._pool = ThreadPoolExecutor(workers)
        self._coming: dict[int, Future[QuadrupleBatch]] = {}
        names = "/".join(f"{path.name}:{path.stat().st_size}" for path in shards.paths)
        self.fingerprint = hashlib.sha256(names.encode()).hexdigest()

    def __len__(self) -> int:
        return len(self.shards)

    def at_step(self, step: int, batch_size: int, seed: int) -> QuadrupleBatch:
        """The batch of a step; the following ones start being read."""
        for coming in range(step, step + _AHEAD):
            if coming not in self._coming:
                rows = [
                    self.shards[int(i)]
                    for i in epoch_order(coming, batch_size, len(self), seed).tolist()
                ]
                self._coming[coming] = self._pool.submit(self.decode, rows)
        for past in [known for known in self._coming if known < step]:
            del self._coming[past]
        return self._coming.pop(step).result()

    def decode(self, rows: Sequence[QuadrupleRow]) -> QuadrupleBatch:
        """Tensors of rows; N is drawn from its seeds."""
        views = self._noise_shape[0]
        for row in rows:
            if len(row.output_images) != views or len(row.azimuths_deg) != views:
                raise InvalidShard(
                    f"{self.shards.folder}: expected {views} views a quadruple, found "
                    f"{len(row.output_images)} for image {row.file}. The quadruples belong to "
                    "another teacher or student; sample them again or change `student`."
                )
        output = torch.stack(
            [torch.stack([decode_png(png) for png in row.output_images]) for row in rows]
        )
        if output.shape[-1] != self._image_size:
            raise InvalidShard(
                f"{self.shards.folder}: expected views of {self._image_size} pixels, as "
                f"student.image_size says, found {output.shape[-1]}. Sample again with a teacher "
                "of that size, or change `student`."
            )
        rgba = torch.stack([self._images(row.file, row.border_ratio) for row in rows])
        background = torch.tensor([row.background for row in rows])
        azimuth = torch.tensor([row.azimuths_deg for row in rows]).deg2rad()
        elevation = torch.tensor([[row.elevation_deg] * views for row in rows]).deg2rad()
        return QuadrupleBatch(
            Quadruples(
                noise=noise_from_seeds([row.seed for row in rows], self._noise_shape),
                cameras=orbit(azimuth, elevation, self._rig),
                input_image=composite(rgba, background),
                output_images=output.float() / 255,
                background=background,
            ),
            rgba,
        )
