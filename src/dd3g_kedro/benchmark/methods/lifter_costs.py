"""What one object costs a lifter: seconds and memory, which depend on the machine."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import pandas as pd
import torch

from dd3g_kedro.benchmark.methods.lifters import Lifted, MeasurableLifter, Method
from dd3g_kedro.benchmark.truth.views import Sighting

_COLUMNS = (
    "protocol",
    "method",
    "object_id",
    "device",
    "seconds",
    "preprocessing_seconds",
    "peak_mib",
    "rounds",
)
_MIB = 2**20


def no_costs() -> pd.DataFrame:
    """The table of an evaluation that measured none."""
    return pd.DataFrame(columns=list(_COLUMNS))


def method_costs(
    methods: Mapping[str, Method],
    sighting: Sighting,
    grey: float,
    device: torch.device,
    protocol: str,
) -> pd.DataFrame:
    """A row for each method that generates Gaussians itself, for one object.

    `seconds` is the median of `rounds` generations of a picture that was prepared before, which
    `preprocessing_seconds` tells of. `peak_mib` is the method's own weights and what a generation
    needed on top; what else lies on the device does not count.
    """
    from dd3g_kedro.benchmark.methods.costs import generation_cost, median_seconds, weights_bytes

    background = torch.full((3,), grey)
    rows: list[dict[str, Any]] = []
    for label, method in methods.items():
        lifter = method.lifter if isinstance(method, Lifted) else None
        if not isinstance(lifter, MeasurableLifter):
            continue
        prepare = partial(lifter.prepared, sighting, background)
        cost = generation_cost(prepare(), device, warmup=lifter.warmup, rounds=lifter.rounds)
        rows.append(
            {
                "protocol": protocol,
                "method": label,
                "object_id": sighting.object_id,
                "device": _device_name(device),
                "seconds": cost.seconds,
                "preprocessing_seconds": median_seconds(prepare, device),
                "peak_mib": (cost.peak_bytes + weights_bytes(lifter.network, device)) / _MIB,
                "rounds": lifter.rounds,
            }
        )
    return pd.DataFrame(rows, columns=list(_COLUMNS))


def _device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
