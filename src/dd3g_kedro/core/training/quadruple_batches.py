"""Quadruples served as training batches, the next one read while this one is learnt from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from dd3g_kedro.core.errors import InvalidShard
from dd3g_kedro.core.geometry.cameras import orbit
from dd3g_kedro.core.geometry.config import CameraRig
from dd3g_kedro.core.noise import noise_from_seeds
from dd3g_kedro.core.objective.background import composite
from dd3g_kedro.core.processes import rank, ranks
from dd3g_kedro.core.quadruples.shards import QuadrupleRow, QuadrupleShards, decode_png
from dd3g_kedro.core.training.readers import Readers
from dd3g_kedro.core.types import Cameras, InputPictures, Quadruples


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


@dataclass(frozen=True)
class StoredBatch:
    """The same as it is stored: bytes, a fourth of the size, become numbers where they are used."""

    noise: Float[Tensor, "b v c y x"]
    cameras: Cameras
    input_rgba: UInt8[Tensor, "b 4 h w"]
    output_images: UInt8[Tensor, "b v 3 h w"]
    background: Float[Tensor, "b 3"]

    def __reduce__(self) -> tuple[Callable[..., StoredBatch], tuple]:
        """To another process as plain bytes: shared memory is small in many containers."""
        cameras = (self.cameras.world_to_camera, self.cameras.intrinsics)
        tensors = (self.noise, *cameras, self.input_rgba, self.output_images, self.background)
        return _from_arrays, tuple(tensor.numpy() for tensor in tensors)

    def to(self, device: torch.device | str) -> QuadrupleBatch:
        """Move to a device, then lay II over its background."""
        rgba, background = self.input_rgba.to(device).float() / 255, self.background.to(device)
        return QuadrupleBatch(
            Quadruples(
                noise=self.noise.to(device),
                cameras=self.cameras.to(device),
                input_image=composite(rgba, background),
                output_images=self.output_images.to(device).float() / 255,
                background=background,
            ),
            rgba,
        )


def _from_arrays(
    noise: np.ndarray,
    world_to_camera: np.ndarray,
    intrinsics: np.ndarray,
    input_rgba: np.ndarray,
    output_images: np.ndarray,
    background: np.ndarray,
) -> StoredBatch:
    cameras = Cameras(torch.from_numpy(world_to_camera), torch.from_numpy(intrinsics))
    pictures = torch.from_numpy(input_rgba), torch.from_numpy(output_images)
    return StoredBatch(torch.from_numpy(noise), cameras, *pictures, torch.from_numpy(background))


def rows_of_step(
    shards: QuadrupleShards, step: int, batch_size: int, seed: int
) -> Int[Tensor, " b"]:
    """Which quadruples step `step` sees: another order each epoch, no state to keep."""
    places = torch.arange(step * batch_size, (step + 1) * batch_size)
    chosen = torch.empty_like(places)
    for epoch in (places // len(shards)).unique().tolist():
        here = places // len(shards) == epoch
        chosen[here] = _order(shards, epoch, seed)[places[here] % len(shards)]
    return chosen


@lru_cache(maxsize=4)
def _order(shards: QuadrupleShards, epoch: int, seed: int) -> Int[Tensor, " n"]:
    return shards.order(epoch, seed)


class QuadrupleBatches:
    """Decodes batches of shards in the background.

    Raises:
        InvalidShard: a row was made for latents or views of another size.
    """

    def __init__(
        self,
        shards: QuadrupleShards,
        pictures: InputPictures,
        image_size: int,
        noise_shape: tuple[int, int, int, int],
        rig: CameraRig,
        readers: int | None = None,  # processes; see `Readers`
    ) -> None:
        self._made_of = (shards, pictures, image_size, noise_shape, rig, readers)
        self.shards = shards
        self.pictures = pictures
        self._image_size = image_size
        self._noise_shape = noise_shape
        self._rig = rig
        self._readers: Readers[StoredBatch] = Readers(self.read, readers)
        self.fingerprint = shards.fingerprint

    def __len__(self) -> int:
        return len(self.shards)

    def at_step(self, step: int, batch_size: int, seed: int) -> StoredBatch:
        """This process's share of a step's batch; the following ones start being read."""
        return self._readers(step, batch_size, seed)

    def close(self) -> None:
        """Stop reading ahead."""
        self._readers.close()

    def first(self, count: int) -> QuadrupleBatch:
        """At most `count`, always the same, to be looked at."""
        return self.decode([self.shards[i] for i in range(min(count, len(self)))])

    def read(self, step: int, batch_size: int, seed: int) -> StoredBatch:
        """The same, read now."""
        whole = rows_of_step(self.shards, step, batch_size, seed)
        return self._decode([self.shards[i] for i in whole[rank() :: ranks()].tolist()])

    def stored(self, start: int, stop: int) -> StoredBatch:
        """The rows from `start` on and before `stop`; safe to call from several threads."""
        return self._decode(self.shards.between(start, stop))

    def __reduce__(self) -> tuple[type[QuadrupleBatches], tuple]:
        """Another process opens the files itself."""
        return QuadrupleBatches, self._made_of

    def decode(self, rows: Sequence[QuadrupleRow]) -> QuadrupleBatch:
        """Tensors of rows, on the CPU; N is drawn from its seeds."""
        return self._decode(rows).to("cpu")

    def _decode(self, rows: Sequence[QuadrupleRow]) -> StoredBatch:
        views, size = self._noise_shape[0], self._image_size
        output_images = torch.empty(len(rows), views, 3, size, size, dtype=torch.uint8)
        for row, images in zip(rows, output_images, strict=True):
            if len(row.output_images) != views or len(row.azimuths_deg) != views:
                raise InvalidShard(
                    f"{self.shards.folder}: expected {views} views a quadruple, found "
                    f"{len(row.output_images)} for image {row.image_id}. The quadruples belong to "
                    "another teacher or student; sample them again or change `student`."
                )
            for view, png in zip(images, row.output_images, strict=True):
                pixels = decode_png(png)
                if pixels.shape[-1] != size:
                    raise InvalidShard(
                        f"{self.shards.folder}: expected views of {size} pixels, as "
                        f"student.image_size says, found {pixels.shape[-1]}. Sample again with a "
                        "teacher of that size, or change `student`."
                    )
                view.copy_(pixels)
        azimuth = torch.tensor([row.azimuths_deg for row in rows]).deg2rad()
        elevation = torch.tensor([[row.elevation_deg] * views for row in rows]).deg2rad()
        return StoredBatch(
            noise=noise_from_seeds([row.seed for row in rows], self._noise_shape),
            cameras=orbit(azimuth, elevation, self._rig),
            input_rgba=torch.stack([self.pictures(row.image_id, row.border_ratio) for row in rows]),
            output_images=output_images,
            background=torch.tensor([row.background for row in rows]),
        )
