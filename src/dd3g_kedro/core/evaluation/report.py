"""An evaluation as tables, numbers and pictures."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from dd3g_kedro.core.evaluation.intervals import CONFIDENCE, HEADLINE
from dd3g_kedro.core.evaluation.run import Evaluation
from dd3g_kedro.core.evaluation.scoring import METRICS, PSNR_CAP

_HEADINGS = {
    "psnr": "PSNR ↑",
    "novel_psnr": "PSNR, new views ↑",
    "ssim": "SSIM ↑",
    "foreground_psnr": "foreground PSNR ↑",
    "lpips_vgg": "LPIPS (vgg) ↓",
    "lpips_alex": "LPIPS (alex) ↓",
}
_DASH = "\N{EN DASH}"
_DECIMALS = {"psnr": 2, "foreground_psnr": 2, "novel_psnr": 2}


def per_view(evaluation: Evaluation) -> pd.DataFrame:
    """A row for each method, object and view."""
    return pd.DataFrame(
        [
            {
                "method": view.method,
                "object_id": view.object_id,
                "azimuth_deg": view.azimuth_deg,
                "elevation_deg": view.elevation_deg,
                "novel": view.novel,
                **view.scores,
            }
            for view in evaluation.views
        ]
    ).round(6)


def per_object(evaluation: Evaluation) -> pd.DataFrame:
    """A row for each method and object: means over views, or the reason why there are none."""
    keys = ["method", "object_id"]
    views = per_view(evaluation)
    means = views.groupby(keys, sort=False)[list(METRICS)].mean()
    novel = views[views["novel"]].groupby(keys, sort=False)[list(METRICS)].mean()
    table = means.join(novel.add_prefix("novel_")).round(6).reset_index()
    table.insert(2, "status", "scored")
    table["reason"] = ""
    failed = pd.DataFrame(
        [
            {"method": f.method, "object_id": f.object_id, "status": "failed", "reason": f.reason}
            for f in evaluation.failures
        ],
        columns=[*keys, "status", "reason"],
    )
    whole = pd.concat([table, failed], ignore_index=True) if len(failed) else table
    order = {method: index for index, method in enumerate(evaluation.methods)}
    return whole.sort_values(
        by=keys, key=lambda column: column.map(order) if column.name == "method" else column
    ).reset_index(drop=True)


def by_azimuth(evaluation: Evaluation) -> pd.DataFrame:
    """Mean PSNR of each method (a column) at each azimuth from the input (a row)."""
    views = per_view(evaluation)
    table = views.pivot_table(index="azimuth_deg", columns="method", values="psnr")
    kept = [method for method in evaluation.methods if method in table]
    return table[kept].round(4).reset_index().rename_axis(columns=None)


def summary(evaluation: Evaluation, student_fingerprint: str | None) -> dict[str, Any]:
    """The numbers of Table I, and what they are numbers of; nothing here depends on the time.

    Averaged over an object's views, then over objects. `novel_...` leaves out the views that
    stand where the input was taken.
    """
    objects = per_object(evaluation)
    columns = [*METRICS, *(f"novel_{metric}" for metric in METRICS)]
    result: dict[str, Any] = {
        "protocol": evaluation.protocol,
        "student_fingerprint": student_fingerprint,
        "objects": int(objects["object_id"].nunique()),
        "failed": int(objects.loc[objects["status"] == "failed", "object_id"].nunique()),
    }
    for method in evaluation.methods:
        scored = objects[(objects["method"] == method) & (objects["status"] == "scored")]
        means = scored[columns].astype(float).mean()
        result[method] = {
            "objects": len(scored),
            **{name: None if math.isnan(mean) else round(mean, 6) for name, mean in means.items()},
        }
    return result


def markdown(evaluation: Evaluation, numbers: dict[str, Any], sure: pd.DataFrame) -> str:
    """Table I as Markdown; what could not be computed is a dash with a footnote.

    Below it stands by how much the first method is ahead of each other one; `sure` is what
    `intervals.intervals` found.
    """
    notes = {metric: index for index, metric in enumerate(evaluation.missing, start=1)}
    headings = [
        heading + (f" [{notes[metric]}]" if metric in notes else "")
        for metric, heading in _HEADINGS.items()
    ]
    lines = [
        f"| method | {' | '.join(headings)} | objects |",
        f"|---|{'---:|' * (len(headings) + 1)}",
    ]
    for method in evaluation.methods:
        row = numbers[method]
        cells = [
            _DASH if row[metric] is None else f"{row[metric]:.{_DECIMALS.get(metric, 3)}f}"
            for metric in _HEADINGS
        ]
        lines.append(f"| {method} | {' | '.join(cells)} | {row['objects']} |")
    return "\n".join([*lines, "", *_ahead(sure), *_notes(evaluation, numbers)]) + "\n"


def _ahead(sure: pd.DataFrame) -> list[str]:
    """The first method minus the others, with intervals."""
    pairs = sure[sure["minus"] != ""]
    if pairs.empty:
        return []
    lines = [
        f"| {pairs['method'].iloc[0]} minus | {' | '.join(_HEADINGS[m] for m in HEADLINE)} |",
        f"|---|{'---:|' * len(HEADLINE)}",
    ]
    for minus, rows in pairs.groupby("minus", sort=False):
        found = rows.set_index("metric")
        cells = [
            _signed(found.loc[metric], _DECIMALS.get(metric, 3)) if metric in found.index else _DASH
            for metric in HEADLINE
        ]
        lines.append(f"| {minus} | {' | '.join(cells)} |")
    words = f"Object by object, with {CONFIDENCE:.0%} intervals (bootstrap over objects)."
    return [*lines, "", words, ""]


def _signed(row: pd.Series, decimals: int) -> str:
    bounds = f" [{row['low']:+.{decimals}f}, {row['high']:+.{decimals}f}]"
    return f"{row['mean']:+.{decimals}f}" + ("" if math.isnan(row["low"]) else bounds)


def _notes(evaluation: Evaluation, numbers: dict[str, Any]) -> list[str]:
    protocol = evaluation.protocol
    lines = [
        f"{protocol['objects']} objects, {protocol['views']} views each, {protocol['size']} px, "
        f"background {protocol['background']}, camera radius {protocol['radius']}, field of view "
        f"{protocol['fov_deg']} degrees. Averaged over views, then objects. New views: those that "
        "do not stand at the input's camera, where a copy of the input is exact; PSNR is capped at "
        f"{PSNR_CAP:.2f} dB there (the error of rounding to 8 bits).",
    ]
    if numbers["failed"]:
        lines.append(
            f"{numbers['failed']} objects could not be scored by every method and count only "
            "where they could; per_object.csv has the reasons."
        )
    for index, (metric, reason) in enumerate(evaluation.missing.items(), start=1):
        lines.append(f"[{index}] {metric} was not computed: {reason}")
    return [line for text in lines for line in (text, "")][:-1]
