"""A teacher that is about to be asked: on its device, its network made fast."""

from __future__ import annotations

import torch

from dd3g_kedro.core.devices import default_device, network_dtype
from dd3g_kedro.core.teacher.teacher import Teacher
from dd3g_kedro.fast.accelerate import accelerate


def ready(
    teacher: Teacher,
    device: torch.device | None = None,
    dtype: torch.dtype | None = None,
    compiled: bool = False,
) -> Teacher:
    """The teacher on `device`, predicting by an accelerated copy of its U-Net as it is now.

    Args:
        teacher: moved there; its weights stay as they are.
        device: where; None: a GPU if there is one.
        dtype: the network's; None: what this device multiplies fastest.
        compiled: torch.compile, for calls whose inputs keep their shapes.
    """
    place = device or default_device()
    placed = teacher.ready_on(place)
    return placed.asking(accelerate(placed.unet, dtype or network_dtype(place), compiled))
