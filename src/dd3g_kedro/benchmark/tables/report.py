"""An evaluation as tables and numbers."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from dd3g_kedro.benchmark.run import Evaluation
from dd3g_kedro.benchmark.scores.names import (
    CLIP_SIMILARITY,
    INPUT,
    NOVEL,
    NUMBERS,
    OF_INPUT,
    SCORES,
)
from dd3g_kedro.core.config_building import plain


def per_view(evaluation: Evaluation) -> pd.DataFrame:
    """A row for each method, object and view."""
    return pd.DataFrame(
        [
            {
                "protocol": evaluation.manifest.id,
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
    """A row for each method and object: means over views, or the reason why there are none.

    `turn_deg` and `scale` are those of its alignment.
    """
    keys = ["method", "object_id"]
    views = per_view(evaluation)
    means = views.groupby(keys, sort=False)[list(SCORES)].mean()
    novel = views[views["novel"]].groupby(keys, sort=False)[list(SCORES)].mean()
    own = views[~views["novel"]].groupby(keys, sort=False)[list(OF_INPUT)].mean()
    table = means.join(novel.add_prefix(NOVEL)).join(own.add_prefix(INPUT)).round(6).reset_index()
    table.insert(2, "status", "scored")
    pairs = [
        evaluation.alignments.get(pair) for pair in zip(*(table[k] for k in keys), strict=True)
    ]
    table["turn_deg"] = [math.nan if pair is None else round(pair.turn_deg, 3) for pair in pairs]
    table["scale"] = [math.nan if pair is None else round(pair.scale, 4) for pair in pairs]
    table["reason"] = ""
    failed = pd.DataFrame(
        [
            {"method": f.method, "object_id": f.object_id, "status": "failed", "reason": f.reason}
            for f in evaluation.failures
        ],
        columns=[*keys, "status", "reason"],
    )
    whole = pd.concat([table, failed], ignore_index=True) if len(failed) else table
    whole.insert(0, "protocol", evaluation.manifest.id)
    order = {method: index for index, method in enumerate(evaluation.methods)}
    return whole.sort_values(
        by=keys, key=lambda column: column.map(order) if column.name == "method" else column
    ).reset_index(drop=True)


def by_azimuth(evaluation: Evaluation) -> pd.DataFrame:
    """Mean PSNR of each method (a column) at each azimuth from the input (a row).

    Where there is no truth, CLIP similarity; the column `metric` says which.
    """
    metric = "psnr" if evaluation.manifest.has_truth else CLIP_SIMILARITY
    table = per_view(evaluation).pivot_table(
        index="azimuth_deg", columns="method", values=metric, dropna=False
    )
    kept = [method for method in evaluation.methods if method in table]
    table = table[kept].round(4).reset_index().rename_axis(columns=None)
    table.insert(0, "protocol", evaluation.manifest.id)
    table.insert(1, "metric", metric)
    return table


def summary(evaluation: Evaluation, student_fingerprint: str | None) -> dict[str, Any]:
    """The numbers of Table I, and what they are numbers of; nothing here depends on the time.

    Averaged over an object's views, then over objects. `novel_...` leaves out the views that
    stand where the input was taken, `input_...` keeps those alone, `aligned_...` is of objects
    turned to fit the input view.
    """
    objects = per_object(evaluation)
    result: dict[str, Any] = {
        "protocol": evaluation.protocol,
        "student_fingerprint": student_fingerprint,
        "objects": int(objects["object_id"].nunique()),
        "failed": int(objects.loc[objects["status"] == "failed", "object_id"].nunique()),
    }
    for method in evaluation.methods:
        scored = objects[(objects["method"] == method) & (objects["status"] == "scored")]
        means = scored[list(NUMBERS)].astype(float).mean()
        result[method] = {
            "objects": len(scored),
            **{name: None if math.isnan(mean) else round(mean, 6) for name, mean in means.items()},
        }
    return result


def protocol(evaluation: Evaluation) -> dict[str, Any]:
    """The manifest's own words, its digest, what was measured of it, and what could not be."""
    return {
        "id": evaluation.manifest.id,
        "digest": evaluation.manifest.digest,
        "manifest": plain(evaluation.manifest),
        "measured": evaluation.protocol,
        "missing": dict(evaluation.missing),
    }
