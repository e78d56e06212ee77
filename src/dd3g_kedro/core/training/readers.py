"""Batches that are read while earlier ones are learnt from."""

from __future__ import annotations

from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any

import torch

from dd3g_kedro.core.errors import DD3GError
from dd3g_kedro.core.processes import ctrl_c_held_back, live_and_die_with_the_parent

if TYPE_CHECKING:
    from dd3g_kedro.core.training.quadruple_batches import QuadrupleBatches, StoredBatch

_AHEAD = 6  # batches
_BESIDE_A_GPU = 3  # processes; a thread that decodes keeps Python from starting the GPU's kernels


class Readers:
    """Serve the batch of a step; the following ones are being read.

    Args:
        batches: what is read; another process opens it anew.
        processes: that read; 0: threads of this one. None: some where there is a GPU, else 0.

    Raises:
        DD3GError: a process died.
    """

    def __init__(self, batches: QuadrupleBatches, processes: int | None) -> None:
        beside = _BESIDE_A_GPU if torch.cuda.is_available() else 0
        self._batches = batches
        self._processes = beside if processes is None else processes
        self._pool: Executor | None = None
        self._coming: dict[tuple[int, int, int], Future[Any]] = {}

    def __call__(self, step: int, batch_size: int, seed: int) -> StoredBatch:
        """This process's share of the step's batch."""
        pool = self._pool = self._pool or self._start()
        wanted = [(coming, batch_size, seed) for coming in range(step, step + _AHEAD)]
        try:
            with ctrl_c_held_back():  # a job may start a process, which the step in hand needs
                self._coming = {
                    key: self._coming.get(key) or pool.submit(self._read, *key) for key in wanted
                }
            return self._coming.pop(wanted[0]).result()
        except BrokenProcessPool as error:
            raise DD3GError(
                "a process that reads quadruples died, probably for lack of memory. The last "
                "checkpoint is kept; run again with a smaller optimization.batch_size"
            ) from error

    def close(self) -> None:
        """End what reads, for a process that is a child itself waits for its own before it ends.

        The next call starts anew.
        """
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
        self._pool, self._coming = None, {}

    @property
    def _read(self) -> Any:
        return _read_in_process if self._processes else self._batches.read

    def _start(self) -> Executor:
        if not self._processes:
            return ThreadPoolExecutor(_AHEAD)
        context = get_context("spawn")
        return ProcessPoolExecutor(
            self._processes, context, initializer=_become_reader, initargs=(self._batches,)
        )


_opened: list[QuadrupleBatches] = []  # in a reading process: what it reads


def _become_reader(batches: QuadrupleBatches) -> None:
    live_and_die_with_the_parent()
    _opened.append(batches)


def _read_in_process(step: int, batch_size: int, seed: int) -> StoredBatch:
    return _opened[0].read(step, batch_size, seed)
