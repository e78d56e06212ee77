"""A training's reports, handed to whoever keeps them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from PIL import Image
from torch import nn

from dd3g_kedro.core.training.loop import Callbacks


@runtime_checkable
class StepReports(Protocol):
    """Keeps metrics and pictures by step (`datasets.step_log.StepLog`)."""

    def append(self, step: int, metrics: Mapping[str, float]) -> None:
        """Keep the numbers of a step."""

    def picture(self, step: int, name: str, image: Image.Image) -> None:
        """Keep a picture of a step."""

    def begin(self, first: int, reports: Sequence[Mapping[str, Any]]) -> None:
        """Hold what a training that goes on at step `first` has reported, and nothing else."""


def callbacks_to(
    log: StepReports, draw: Callable[[nn.Module], dict[str, Image.Image]] | None = None
) -> Callbacks:
    """Report to `log`; `draw` makes named pictures of the model at hand."""

    def pictures(step: int, model: nn.Module) -> None:
        if draw is not None:
            for name, image in draw(model).items():
                log.picture(step, name, image)

    return Callbacks(on_start=log.begin, on_step=log.append, on_picture=pictures)
