"""Charts as coordinates; the page's template draws them as SVG, in the colours of its theme.

Not matplotlib's SVG: its colours are fixed, and its points tell no numbers.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from dd3g_kedro.benchmark.config import BEST, WORST
from dd3g_kedro.benchmark.scores.intervals import FEWEST, HEADLINE
from dd3g_kedro.benchmark.scores.names import ALL_HEADINGS, PSNR_CAP, decimals, less_is_better
from dd3g_kedro.reporting.evaluated import Evaluated
from dd3g_kedro.reporting.numbers import MINUS, bounds, written

_WIDTH, _HEIGHT = 720.0, 300.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 46.0, 14.0, 14.0, 44.0
_NEAR_EXACT = 1.0  # dB under the cap: a copy of the input, which leaves the axes


@dataclass(frozen=True)
class Tick:
    """A labelled place on an axis."""

    at: float
    label: str


@dataclass(frozen=True)
class Series:
    """One method's line: points inside and, left out of the path, outside the axes."""

    method: str
    path: str
    points: tuple[tuple[float, float, str], ...]  # x, y, words


@dataclass(frozen=True)
class LineChart:
    """Scores by azimuth."""

    width: float
    height: float
    left: float
    right: float
    top: float
    bottom: float
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    series: tuple[Series, ...]
    metric: str
    beyond: bool  # whether something lies above the axes


@dataclass(frozen=True)
class Whisker:
    """A mean and its interval in percent of the axis, with words."""

    method: str
    mean: float
    low: float
    high: float
    words: str
    verdict: str  # ahead, behind, undecided, or "" where nothing is compared


@dataclass(frozen=True)
class WhiskerChart:
    """Means with intervals above one axis."""

    heading: str
    first: str  # what is compared with the others
    ticks: tuple[Tick, ...]
    rows: tuple[Whisker, ...]


def ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Round numbers between the bounds, in steps of 1, 2 or 5 times a power of ten."""
    rough = (high - low) / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
    first = math.ceil(low / step - 1e-9)
    return [round(index * step, 10) for index in range(first, math.floor(high / step + 1e-9) + 1)]


@dataclass(frozen=True)
class _Axes:
    """Values to places inside the chart's margins."""

    start: float
    end: float
    low: float
    high: float

    def x(self, azimuth: float) -> float:
        share = (azimuth - self.start) / (self.end - self.start)
        return round(_LEFT + share * (_WIDTH - _LEFT - _RIGHT), 1)

    def y(self, value: float) -> float:
        share = (self.high - value) / (self.high - self.low)
        return round(_TOP + share * (_HEIGHT - _TOP - _BOTTOM), 1)


def azimuth_chart(evaluated: Evaluated) -> LineChart | None:
    """The mean score of every method against the azimuth from the input.

    Exact copies of the input leave the axes. None where there are fewer than two azimuths.
    """
    table = evaluated.by_azimuth.sort_values("azimuth_deg")
    methods = [method for method in evaluated.methods if method in table]
    values = table[methods].to_numpy(dtype=float)
    metric = str(table["metric"].iloc[0]) if len(table) else ""
    exact = values >= (PSNR_CAP - _NEAR_EXACT if metric == "psnr" else math.inf)
    inside = values[~exact & ~np.isnan(values)]
    if len(table) < 2 or not len(inside):
        return None
    margin = 0.08 * float(inside.max() - inside.min()) or 0.5
    azimuths = [float(azimuth) for azimuth in table["azimuth_deg"]]
    start, end = azimuths[0], azimuths[-1]
    axes = _Axes(start, end, float(inside.min()) - margin, float(inside.max()) + margin)
    around = range(0, 361, 60 if end - start > 180 else 30)
    return LineChart(
        *(_WIDTH, _HEIGHT, _LEFT, _WIDTH - _RIGHT, _TOP, _HEIGHT - _BOTTOM),
        x_ticks=tuple(Tick(axes.x(float(a)), f"{a}°") for a in around if start <= a <= end),
        y_ticks=tuple(Tick(axes.y(v), f"{v:g}") for v in ticks(axes.low, axes.high)),
        series=tuple(_series(m, azimuths, table[m], axes, decimals(metric)) for m in methods),
        metric=ALL_HEADINGS[metric].rstrip(" ↑↓"),
        beyond=bool(exact.any()),
    )


def _series(
    method: str, azimuths: Sequence[float], values: Iterable[float], axes: _Axes, places: int
) -> Series:
    pairs = [(a, v) for a, v in zip(azimuths, values, strict=True) if not math.isnan(v)]
    path = "M" + "L".join(f"{axes.x(a)} {axes.y(v)}" for a, v in pairs) if pairs else ""
    points = [
        (axes.x(a), axes.y(v), f"{a:.0f}°: {written(v, places)}")
        for a, v in pairs
        if v <= axes.high
    ]
    return Series(method, path, tuple(points))


def difference_charts(evaluated: Evaluated) -> list[WhiskerChart]:
    """The first method minus each other one, object by object; a chart each headline metric.

    Right is better: where less is better, the axis runs backwards.
    """
    pairs = evaluated.intervals[evaluated.intervals["minus"] != ""]
    charts = []
    for metric in HEADLINE:
        rows = pairs[pairs["metric"] == metric].to_dict("records")
        if not rows:
            continue
        values = [row[key] for row in rows for key in ("mean", "low", "high")]
        reach = max(abs(value) for value in values if not math.isnan(value)) * 1.08 or 1.0
        axis = (reach, -reach) if less_is_better(metric) else (-reach, reach)
        found = [
            _whisker(str(row["minus"]), row, axis, decimals(metric), compared=True) for row in rows
        ]
        marks = _scale(*axis)
        first = str(rows[0]["method"])
        charts.append(WhiskerChart(ALL_HEADINGS[metric], first, marks, tuple(found)))
    return charts


def study_chart(scores: pd.DataFrame) -> WhiskerChart | None:
    """Mean scores of the user study on their scale from 1 to 10; None without answers."""
    axis = (float(WORST), float(BEST))
    rows = [_whisker(str(row["method"]), row, axis, 2) for row in scores.to_dict("records")]
    return WhiskerChart("Mean score ↑", "", _scale(*axis), tuple(rows)) if rows else None


def _place(value: float, axis: tuple[float, float]) -> float:
    return round(100 * (value - axis[0]) / (axis[1] - axis[0]), 2)


def _scale(*axis: float) -> tuple[Tick, ...]:
    start, end = axis
    return tuple(
        Tick(_place(value, (start, end)), f"{value:g}".replace("-", MINUS))
        for value in ticks(min(axis), max(axis), 6)
    )


def _whisker(
    name: str,
    row: Mapping[Any, Any],
    axis: tuple[float, float],
    places: int,
    compared: bool = False,
) -> Whisker:
    """A single object has no interval: its mean alone, and nothing is decided."""
    mean, low, high = (float(row[key]) for key in ("mean", "low", "high"))
    verdict = "undecided" if compared else ""
    if compared and row["objects"] >= FEWEST:
        worst, best = (low, high) if axis[0] < axis[1] else (-high, -low)
        verdict = "ahead" if worst > 0 else "behind" if best < 0 else verdict
    words = f"{written(mean, places, compared)} {bounds(low, high, places, compared)}".strip()
    low, high = (mean if math.isnan(bound) else bound for bound in (low, high))
    left, right = sorted(_place(bound, axis) for bound in (low, high))
    return Whisker(name, _place(mean, axis), left, right, words, verdict)
