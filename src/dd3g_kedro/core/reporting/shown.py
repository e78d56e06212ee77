"""Pictures of the report: for each object what every method made, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dd3g_kedro.core.evaluation.kept_pictures import INPUT, TRUTH, TURNTABLE, VIEWS
from dd3g_kedro.core.evaluation.score_names import CLIP_SIMILARITY, decimals
from dd3g_kedro.core.evaluation.strips import data_uri
from dd3g_kedro.core.reporting.evaluated import Evaluated
from dd3g_kedro.core.reporting.numbers import written


@dataclass(frozen=True)
class Frames:
    """Frames of one method, or of none, in one picture."""

    method: str  # "" for input and truth
    label: str
    picture: str  # data URI; "" where the method failed
    count: int = 1
    columns: int = 1
    scores: tuple[str, ...] = ()  # of each frame
    mean: str = ""  # of the object
    reason: str = ""  # why there is no picture

    @property
    def rows(self) -> int:
        """Of the tiling."""
        return -(-self.count // self.columns)


@dataclass(frozen=True)
class ShownObject:
    """One object: the input, the truth, the methods; and turntables of what can be turned."""

    name: str
    given: Frames
    truth: Frames | None
    views: tuple[Frames, ...]
    turntables: tuple[Frames, ...]
    azimuths: tuple[str, ...]  # of the views, in degrees from the input


def score_shown(evaluated: Evaluated) -> str:
    """The metric that stands below a picture."""
    return "psnr" if evaluated.source != "images" else CLIP_SIMILARITY


def shown_objects(evaluated: Evaluated) -> list[ShownObject]:
    """Every object whose pictures were kept."""
    metric, per_view, whole = score_shown(evaluated), evaluated.per_view, evaluated.per_object
    scores = {
        pair: tuple(written(value, decimals(metric)) for value in rows)
        for pair, rows in per_view.groupby(["method", "object_id"], sort=False)[metric]
    }
    told = whole.set_index(["method", "object_id"])[[metric, "reason"]].to_dict("index")
    shown = []
    for name, rows in evaluated.pictures.groupby("object_id", sort=True):
        pictures = rows.to_dict("records")
        kinds = {row["kind"]: row for row in pictures if not row["method"]}
        made = {(row["kind"], row["method"]): row for row in pictures}
        views = []
        for method in evaluated.methods:
            found = told.get((method, name), {})
            mean = written(found.get(metric), decimals(metric))
            row = made.get((VIEWS, method))
            if row is None:
                views.append(Frames(method, method, "", reason=str(found.get("reason", ""))))
                continue
            own = scores.get((method, name), ())
            framed = tuple(own[position] for position in row["positions"] if position < len(own))
            views.append(_frames(row, method, framed, mean))
        turned = [_frames(made[TURNTABLE, m], m) for m in evaluated.methods if (TURNTABLE, m) in made]
        truth = kinds.get(TRUTH)
        shown.append(
            ShownObject(
                name=str(name),
                given=_frames(kinds[INPUT], INPUT),
                truth=None if truth is None else _frames(truth, TRUTH),
                views=tuple(views),
                turntables=tuple(turned),
                azimuths=_azimuths([row for row in pictures if len(row["positions"])]),
            )
        )
    return shown


def _frames(
    row: dict[str, Any], label: str, scores: tuple[str, ...] = (), mean: str = ""
) -> Frames:
    counts = int(row["frames"]), int(row["columns"])
    return Frames(row["method"], label, data_uri(row["webp"]), *counts, scores, mean)


def _azimuths(rows: Sequence[dict[str, Any]]) -> tuple[str, ...]:
    return tuple(f"{azimuth:.0f}" for azimuth in rows[0]["azimuths_deg"]) if rows else ()
