"""What a student is fitted to, a batch a step: the teacher's quadruples, or the truth."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import torch

from dd3g_kedro.core.training.quadruple_batches import QuadrupleBatch


@runtime_checkable
class Movable(Protocol):
    """A batch on its way to the device where it is learnt from."""

    def to(self, device: torch.device) -> QuadrupleBatch:
        """The batch there."""


@runtime_checkable
class Batches(Protocol):
    """Serves every step's batch without a state to keep, so that a training can go on."""

    fingerprint: str  # a checkpoint of other batches is not gone on with

    def at_step(self, step: int, batch_size: int, seed: int) -> Movable:
        """This process's share of a step's batch; the same arguments give the same batch."""

    def first(self, count: int) -> QuadrupleBatch:
        """At most `count`, always the same, to be looked at."""

    def close(self) -> None:
        """No step is asked for any more; end the threads or processes that read ahead."""
