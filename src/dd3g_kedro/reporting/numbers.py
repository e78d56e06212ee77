"""Tables of the report as cells that are ready to be written."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from dd3g_kedro.benchmark.scores.names import (
    ALIGNED,
    ALIGNED_HEADINGS,
    ALL_HEADINGS,
    DASH,
    HEADINGS,
    decimals,
    less_is_better,
)
from dd3g_kedro.benchmark.tables.quoted import quoted_rows
from dd3g_kedro.reporting.evaluated import Evaluated

_PER_OBJECT = (*HEADINGS, "aligned_psnr", "turn_deg")
_TURN = "turned by (°)"
MINUS = "\N{MINUS SIGN}"


@dataclass(frozen=True)
class Cell:
    """One number."""

    text: str = DASH
    interval: str = ""
    value: float | None = None  # that it is sorted by
    best: bool = False


@dataclass(frozen=True)
class Column:
    """One metric."""

    key: str
    heading: str
    notes: tuple[int, ...] = ()  # footnotes


@dataclass(frozen=True)
class Line:
    """One row."""

    method: str
    cells: tuple[Cell, ...]
    object_id: str = ""
    objects: int = 0
    reason: str = ""


@dataclass(frozen=True)
class Table:
    """Rows of equally many cells."""

    columns: tuple[Column, ...]
    lines: tuple[Line, ...]
    footnotes: tuple[str, ...] = ()


def written(value: float | None, places: int, sign: bool = False) -> str:
    """A number with so many decimals; a dash where there is none."""
    if value is None or math.isnan(value):
        return DASH
    return f"{value:{'+' if sign else ''}.{places}f}".replace("-", MINUS)


def bounds(low: float, high: float, places: int, sign: bool = False) -> str:
    """An interval; empty where there is none."""
    if math.isnan(low) or math.isnan(high):
        return ""
    return f"[{written(low, places, sign)}, {written(high, places, sign)}]"


def means_table(evaluated: Evaluated, aligned: bool = False) -> Table:
    """Table I: a row each method; the best of each column is marked.

    A column without any number is left out, unless its reason is known: that is a footnote.
    """
    headings = ALIGNED_HEADINGS if aligned else HEADINGS
    missing: Mapping[str, str] = evaluated.protocol["missing"]
    methods = [method for method in evaluated.methods if method in evaluated.metrics]
    if aligned:
        methods = [m for m in methods if evaluated.metrics[m].get("aligned_psnr") is not None]
    told: dict[str, int] = {}
    columns, by_column = [], []
    for metric, heading in headings.items():
        values = [evaluated.metrics[method].get(metric) for method in methods]
        reason = missing.get(metric.removeprefix(ALIGNED))
        if all(value is None for value in values) and (reason is None or aligned):
            continue
        notes: tuple[int, ...] = ()
        if reason is not None:
            notes = (told.setdefault(f"{metric}: {reason}", len(told) + 1),)
        columns.append(Column(metric, heading, notes))
        by_column.append(_marked(values, metric, evaluated, methods))
    rows = zip(methods, *by_column, strict=True) if columns else ()
    lines = [
        Line(method, tuple(cells), objects=evaluated.metrics[method]["objects"])
        for method, *cells in rows
    ]
    return Table(tuple(columns), tuple(lines), tuple(told))


def _marked(
    values: Sequence[float | None], metric: str, evaluated: Evaluated, methods: Sequence[str]
) -> list[Cell]:
    there = [value for value in values if value is not None]
    lower = less_is_better(metric)
    best = (min(there) if lower else max(there)) if len(there) > 1 else None
    own = evaluated.intervals[
        (evaluated.intervals["minus"] == "") & (evaluated.intervals["metric"] == metric)
    ].set_index("method")
    cells, places = [], decimals(metric)
    for method, value in zip(methods, values, strict=True):
        sure = own.loc[method] if method in own.index else None
        interval = "" if sure is None else bounds(sure["low"], sure["high"], places)
        marked = best is not None and value == best
        cells.append(Cell(written(value, places), interval, value, marked))
    return cells


def object_table(evaluated: Evaluated) -> Table:
    """A row for each object and method, with the reason where it failed."""
    table = evaluated.per_object
    shown = [key for key in _PER_OBJECT if key in table and table[key].notna().any()]
    columns = [Column(key, _TURN if key == "turn_deg" else ALL_HEADINGS[key]) for key in shown]
    lines = []
    for row in table.sort_values("object_id", kind="stable").to_dict("records"):
        cells = tuple(_own(row[key], key) for key in shown)
        reason = str(row["reason"]) if row["status"] != "scored" else ""
        lines.append(Line(row["method"], cells, object_id=row["object_id"], reason=reason))
    return Table(tuple(columns), tuple(lines))


def _own(value: float, key: str) -> Cell:
    if math.isnan(value):
        return Cell()
    return Cell(written(value, 1 if key == "turn_deg" else decimals(key)), value=value)


def cost_rows(costs: pd.DataFrame) -> list[dict[str, Any]]:
    """Seconds and memory of one object, in words."""
    return [
        {
            "method": row["method"],
            "seconds": f"{row['seconds']:.3g}",
            "preprocessing": f"{row['preprocessing_seconds']:.3g}",
            "memory": f"{row['peak_mib']:.0f}",
            "rounds": row["rounds"],
            "device": row["device"],
            "object_id": row["object_id"],
        }
        for row in costs.to_dict("records")
    ]


def quoted_table(source: str) -> list[dict[str, str]]:
    """The paper's Table I for this kind of data; empty for other data."""
    return [
        {
            "row": row["row"],
            "psnr": f"{row['psnr']:.2f}",
            "ssim": f"{row['ssim']:.3f}",
            "lpips": f"{row['lpips']:.3f}",
            "seconds": f"{row['seconds']:g}",
        }
        for row in quoted_rows(source).to_dict("records")
    ]


def counted(number: int, what: str) -> str:
    """`1 object`, `2 objects`."""
    return f"{number} {what}{'' if number == 1 else 's'}"
