"""Which of two rows is better, or whether that cannot be told: paired differences."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from dd3g_kedro.ablation.results import RowResult
from dd3g_kedro.benchmark.scores.intervals import FEWEST, mean_interval

Verdict = Literal["holds", "reversed", "undecided", "not run"]
LOWER_IS_BETTER = ("lpips_vgg", "lpips_alex", "stray_opacity")
HEADLINE = "psnr"  # by which the paper orders its rows


@dataclass(frozen=True)
class Difference:
    """By how much `better` is ahead of `worse`, as was claimed; positive where that is so."""

    better: str
    worse: str  # "" where the value itself is claimed to be positive
    metric: str
    count: int  # objects or images that both have
    mean: float
    low: float  # of the 95 % interval
    high: float

    @property
    def verdict(self) -> Verdict:
        """Whether the claim holds; inside the interval, or by too few objects, it is undecided."""
        if not self.count:
            return "not run"
        if self.count < FEWEST:
            return "undecided"
        if self.low > 0:
            return "holds"
        return "reversed" if self.high < 0 else "undecided"


def resolved(results: Mapping[str, RowResult | None]) -> dict[str, RowResult]:
    """The rows that have numbers: their own, or those of the row they are the same as."""
    found = {}
    for name, result in results.items():
        other = None if result is None else result.document.get("same_as")
        final = results.get(other) if other else result
        if final is not None and final.trained:
            found[name] = final
    return found


def difference(
    results: Mapping[str, RowResult], better: str, worse: str, metric: str
) -> Difference:
    """The paired difference over the objects that both rows have; without `worse`, the value."""
    absent: dict[str, float] = {}
    ahead = results[better].values(metric) if better in results else absent
    if worse:
        behind = results[worse].values(metric) if worse in results else absent
        sign = -1 if metric in LOWER_IS_BETTER else 1
        ahead = {name: sign * (ahead[name] - behind[name]) for name in ahead if name in behind}
    if not ahead:
        return Difference(better, worse, metric, 0, math.nan, math.nan, math.nan)
    mean, low, high = mean_interval(np.array(list(ahead.values()), dtype=np.float64))
    return Difference(better, worse, metric, len(ahead), mean, low, high)


def claimed_pairs(
    results: Mapping[str, RowResult], quoted: Mapping[str, Mapping[str, float]]
) -> list[Difference]:
    """All pairs of a table's rows, in the paper's order by PSNR: the better first."""
    order = sorted(quoted, key=lambda row: quoted[row][HEADLINE], reverse=True)
    return [
        difference(results, better, worse, HEADLINE)
        for index, better in enumerate(order)
        for worse in order[index + 1 :]
    ]
