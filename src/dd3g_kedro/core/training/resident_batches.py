"""Quadruples that fit are read once and kept as bytes where they are learnt from."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import torch
from torch import Tensor

from dd3g_kedro.core.processes import available_cores, rank, ranks
from dd3g_kedro.core.progress import track
from dd3g_kedro.core.training.quadruple_batches import (
    QuadrupleBatch,
    QuadrupleBatches,
    StoredBatch,
    rows_of_step,
)
from dd3g_kedro.core.types import Cameras

_LOG = logging.getLogger(__name__)
_CHUNK = 64  # quadruples a thread reads at once
_SHARE = 0.4  # of the free memory that they may take
_FIELDS = ("noise", "input_rgba", "output_images", "background")


class ResidentBatches:
    """The same batches as `QuadrupleBatches`, from one device's memory: no step waits for a file.

    Ours: everything is kept as it is stored, N as its numbers; a batch is a selection of rows.
    """

    def __init__(self, batches: QuadrupleBatches, device: torch.device) -> None:
        self._made_of = (batches, device)
        self._batches = batches
        self._device = device
        self._kept: StoredBatch | None = None
        self.fingerprint = batches.fingerprint

    def __reduce__(self) -> tuple[type[ResidentBatches], tuple]:
        """Another process reads them itself, for its own device."""
        return ResidentBatches, self._made_of

    def at_step(self, step: int, batch_size: int, seed: int) -> StoredBatch:
        """This process's share of a step's batch, on the device."""
        kept = self._kept = self._kept or self._read()
        whole = rows_of_step(self._batches.shards, step, batch_size, seed)
        rows = whole[rank() :: ranks()].to(self._device)
        cameras = Cameras(kept.cameras.world_to_camera[rows], kept.cameras.intrinsics[rows])
        chosen = {name: getattr(kept, name)[rows] for name in _FIELDS}
        return StoredBatch(cameras=cameras, **chosen)

    def first(self, count: int) -> QuadrupleBatch:
        """At most `count`, always the same, to be looked at."""
        return self._batches.first(count)

    def close(self) -> None:
        """Give the memory back."""
        self._kept = None
        self._batches.close()

    def _read(self) -> StoredBatch:
        total = len(self._batches)
        kept = {
            name: tensor.new_empty((total, *tensor.shape[1:]), device=self._device)
            for name, tensor in _tensors(self._batches.stored(0, 1)).items()
        }

        def read(start: int) -> None:
            part = self._batches.stored(start, min(start + _CHUNK, total))
            for name, tensor in _tensors(part).items():
                kept[name][start : start + _CHUNK] = tensor.to(self._device)

        starts = range(0, total, _CHUNK)
        with _one_thread_each(), ThreadPoolExecutor(available_cores()) as pool:
            for _ in track(pool.map(read, starts), len(starts), "reading", "parts"):
                continue
        cameras = Cameras(kept.pop("world_to_camera"), kept.pop("intrinsics"))
        return StoredBatch(cameras=cameras, **kept)


def _tensors(batch: StoredBatch) -> dict[str, Tensor]:
    return {name: getattr(batch, name) for name in _FIELDS} | vars(batch.cameras)


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Threads that are started here start none of torch's: teams of them wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def resident_where_they_fit(
    batches: QuadrupleBatches, device: torch.device
) -> QuadrupleBatches | ResidentBatches:
    """Kept on a GPU that has room for them, else read step by step."""
    if device.type != "cuda":
        return batches
    one = _tensors(batches.stored(0, 1)).values()
    needed = len(batches) * sum(tensor.numel() * tensor.element_size() for tensor in one)
    free, _ = torch.cuda.mem_get_info(device)
    fits = needed <= _SHARE * free
    _LOG.info(
        "%d quadruples of %.1f GiB %s the GPU's %.1f GiB",
        *(len(batches), needed / 2**30, "are kept in" if fits else "do not fit", free / 2**30),
    )
    return ResidentBatches(batches, device) if fits else batches
