"""Batches that are read while earlier ones are learnt from: torch's DataLoader over steps."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from itertools import count
from typing import Generic, TypeVar

import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from dd3g_kedro.core.errors import DD3GError

Batch = TypeVar("Batch")
_AHEAD = 2  # batches a process
_BESIDE_A_GPU = 3  # processes; a thread that decodes keeps Python from starting the GPU's kernels


class _Steps(Sampler[int]):
    """Steps from `first` on, without an end."""

    def __init__(self, first: int) -> None:
        self._first = first

    def __iter__(self) -> Iterator[int]:
        return count(self._first)


class _Read(Dataset[Batch | DD3GError], Generic[Batch]):
    """A step's batch by the step's number; what is wrong with it comes back as it is."""

    def __init__(self, read: Callable[[int, int, int], Batch], batch_size: int, seed: int) -> None:
        self._read, self._rest = read, (batch_size, seed)

    def __getitem__(self, step: int) -> Batch | DD3GError:
        try:
            return self._read(step, *self._rest)
        except DD3GError as error:  # the loader would hand on a traceback in its place
            return error


class Readers(Generic[Batch]):
    """Serve the batch of a step; the following ones are being read.

    Args:
        read: (step, batch size, seed) -> the batch; pickled where processes read.
        processes: that read; 0: this one does. None: some where there is a GPU, else 0.

    Raises:
        DD3GError: a process died.
    """

    def __init__(self, read: Callable[[int, int, int], Batch], processes: int | None) -> None:
        beside = _BESIDE_A_GPU if torch.cuda.is_available() else 0
        self._read = read
        self._processes = beside if processes is None else processes
        self._coming: Iterator[Batch | DD3GError] | None = None
        self._next: tuple[int, int, int] | None = None

    def __call__(self, step: int, batch_size: int, seed: int) -> Batch:
        """This process's share of the step's batch."""
        if not self._processes:
            return self._read(step, batch_size, seed)
        if self._coming is None or self._next != (step, batch_size, seed):
            self._coming = self._start(step, batch_size, seed)
        self._next = (step + 1, batch_size, seed)
        try:
            batch = next(self._coming)
        except RuntimeError as error:
            self._coming = None
            raise DD3GError(
                "a process that reads quadruples died, probably for lack of memory. The last "
                "checkpoint is kept; run again with a smaller optimization.batch_size"
            ) from error
        if isinstance(batch, DD3GError):
            raise batch
        return batch

    def close(self) -> None:
        """End what reads; the next call starts anew."""
        self._coming = self._next = None

    def _start(self, step: int, batch_size: int, seed: int) -> Iterator[Batch | DD3GError]:
        loader = DataLoader(
            _Read(self._read, batch_size, seed),
            batch_size=None,
            sampler=_Steps(step),
            num_workers=self._processes,
            prefetch_factor=_AHEAD,
            worker_init_fn=_become_reader,
            multiprocessing_context="spawn",
            timeout=0,
        )
        return iter(loader)


def _become_reader(_: int) -> None:
    """Ctrl-C is the parent's, which the step in hand still needs; one thread each."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)
