"""How sure the means are: bootstrap over objects, and paired differences between methods."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float

HEADLINE = (
    "novel_psnr",
    "psnr",
    "input_psnr",
    "aligned_psnr",
    "ssim",
    "aligned_ssim",
    "foreground_psnr",
    "aligned_foreground_psnr",
    "lpips_vgg",
    "lpips_alex",
    "clip_similarity",
    "novel_sharpness",
    "imagenet_distance",
    "used_gaussians",
)
CONFIDENCE = 0.95
FEWEST = 6  # objects that decide: a bootstrap over fewer is too sure of itself (Ours)
_RESAMPLES = 9_999


def mean_interval(values: Float[np.ndarray, " n"]) -> tuple[float, float, float]:
    """Mean and the bounds of its 95 % interval: percentile bootstrap over the objects.

    The resampling is seeded, so the same values give the same bounds. A single value has no
    interval: its bounds are NaN.
    """
    from scipy.stats import bootstrap

    mean = float(values.mean())
    if len(values) < 2:
        return mean, float("nan"), float("nan")
    found = bootstrap(
        (values,),
        np.mean,
        n_resamples=_RESAMPLES,
        confidence_level=CONFIDENCE,
        method="percentile",
        rng=np.random.default_rng(0),
    ).confidence_interval
    return mean, float(found.low), float(found.high)


def intervals(per_object: pd.DataFrame, methods: Sequence[str]) -> pd.DataFrame:
    """Means of the methods, and of the first method minus each other one, with their intervals.

    A difference is taken object by object, over those that both methods scored: what makes an
    object easy or hard cancels. A metric that was not computed has no row; of LPIPS less is better.

    Args:
        per_object: `report.per_object`.
        methods: in the table's order; the first is compared with the others.

    Returns:
        Columns protocol, method, minus ("" or the other method), metric, objects, mean, low, high.
    """
    scored = per_object[per_object["status"] == "scored"]
    values = {
        metric: scored.pivot_table(index="object_id", columns="method", values=metric)
        for metric in HEADLINE
        if metric in scored and scored[metric].notna().any()
    }
    rows: list[dict[str, Any]] = []

    def add(method: str, minus: str, metric: str, found: pd.Series) -> None:
        found = found.dropna()
        if len(found):
            mean, low, high = mean_interval(found.to_numpy(dtype=np.float64))
            row = {"method": method, "minus": minus, "metric": metric, "objects": len(found)}
            rows.append(row | {"mean": mean, "low": low, "high": high})

    for minus in ("", *methods[1:]):
        for method in methods if minus == "" else methods[:1]:
            for metric, table in values.items():
                if method in table and minus in ("", *table):
                    difference = table[method] - (table[minus] if minus else 0)
                    add(method, minus, metric, difference)
    columns = ["method", "minus", "metric", "objects", "mean", "low", "high"]
    table = pd.DataFrame(rows, columns=columns).round(6)
    table.insert(0, "protocol", per_object["protocol"].iloc[0])
    return table
