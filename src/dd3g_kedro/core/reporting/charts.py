"""Charts as coordinates; the page's template draws them as SVG, in the colours of its theme."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from dd3g_kedro.core.evaluation.intervals import HEADLINE
from dd3g_kedro.core.evaluation.score_names import ALL_HEADINGS, PSNR_CAP, decimals
from dd3g_kedro.core.reporting.evaluated import Evaluated
from dd3g_kedro.core.reporting.numbers import bounds, written

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


def azimuth_chart(evaluated: Evaluated) -> LineChart | None:
    """The mean score of every method against the azimuth from the input.

    Exact copies of the input leave the axes. None where there are fewer than two azimuths.
    """
    table = evaluated.by_azimuth.sort_values("azimuth_deg")
    methods = [method for method in evaluated.methods if method in table]
    values = table[methods].to_numpy(dtype=float)
    metric = str(table["metric"].iloc[0]) if len(table) else ""
    exact = values >= PSNR_CAP - _NEAR_EXACT if metric == "psnr" else values == math.inf
    inside = pd.Series(values[~exact].ravel()).dropna()
    if len(table) < 2 or inside.empty:
        return None
    margin = 0.08 * (inside.max() - inside.min()) or 0.5
    low, high = inside.min() - margin, inside.max() + margin
    azimuths = table["azimuth_deg"].to_numpy(dtype=float)
    start, end = azimuths.min(), azimuths.max()

    def x(azimuth: float) -> float:
        return round(_LEFT + (azimuth - start) / (end - start) * (_WIDTH - _LEFT - _RIGHT), 1)

    def y(value: float) -> float:
        return round(_TOP + (high - value) / (high - low) * (_HEIGHT - _TOP - _BOTTOM), 1)

    series = []
    for method in methods:
        pairs = [(a, v) for a, v in zip(azimuths, table[method], strict=True) if not math.isnan(v)]
        path = "M" + "L".join(f"{x(a)} {y(min(v, 2 * high))}" for a, v in pairs)
        points = [(x(a), y(v), f"{a:.0f}°: {written(v, decimals(metric))}") for a, v in pairs if v <= high]
        series.append(Series(method, path, tuple(points)))
    apart = 60 if end - start > 180 else 30
    return LineChart(
        *(_WIDTH, _HEIGHT, _LEFT, _WIDTH - _RIGHT, _TOP, _HEIGHT - _BOTTOM),
        x_ticks=tuple(
            Tick(x(a), f"{a}°") for a in range(0, 361, apart) if start <= a <= end
        ),
        y_ticks=tuple(Tick(y(value), f"{value:g}") for value in ticks(low, high)),
        series=tuple(series),
        metric=ALL_HEADINGS[metric].rstrip(" ↑↓"),
        beyond=bool(exact.any()),
    )


def difference_charts(evaluated: Evaluated) -> list[WhiskerChart]:
    """The first method minus each other one, object by object; a chart each headline metric."""
    pairs = evaluated.intervals[evaluated.intervals["minus"] != ""]
    charts = []
    for metric in HEADLINE:
        rows = pairs[pairs["metric"] == metric].to_dict("records")
        if not rows:
            continue
        found = [(r["minus"], r["mean"], *_known(r)) for r in rows]
        reach = max(abs(value) for _, *values in found for value in values) * 1.08 or 1.0
        first = str(rows[0]["method"])
        places = decimals(metric)
        charts.append(_whiskers(ALL_HEADINGS[metric], first, found, (-reach, reach), places))
    return charts


def study_chart(scores: pd.DataFrame) -> WhiskerChart | None:
    """Mean scores of the user study on their scale from 1 to 10; None without answers."""
    found = [(r["method"], r["mean"], *_known(r)) for r in scores.to_dict("records")]
    return _whiskers("Mean score ↑", "", found, (1.0, 10.0), 2) if found else None


def _known(row: dict[str, float]) -> tuple[float, float]:
    """The interval; where there is none, the mean itself."""
    low, high, mean = row["low"], row["high"], row["mean"]
    return (mean if math.isnan(low) else low, mean if math.isnan(high) else high)


def _whiskers(
    heading: str,
    first: str,
    found: Sequence[tuple[str, float, float, float]],
    axis: tuple[float, float],
    places: int,
) -> WhiskerChart:
    start, end = axis
    compared = bool(first)

    def place(value: float) -> float:
        return round(100 * (value - start) / (end - start), 2)

    rows = []
    for method, mean, low, high in found:
        verdict = ("ahead" if low > 0 else "behind" if high < 0 else "undecided") if compared else ""
        sure = bounds(low, high, places, compared) if low < high else ""
        words = f"{written(mean, places, compared)} {sure}".strip()
        verdict = "undecided" if compared and not sure else verdict
        rows.append(Whisker(method, place(mean), place(low), place(high), words, verdict))
    labels = [Tick(place(value), f"{value:g}".replace("-", "−")) for value in ticks(start, end, 6)]
    return WhiskerChart(heading, first, tuple(labels), tuple(rows))
