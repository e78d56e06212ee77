"""Pictures of the report: for each object what every method made, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dd3g_kedro.benchmark.scores.names import CLIP_SIMILARITY, decimals
from dd3g_kedro.benchmark.tables.strips import INPUT, TRUTH, TURNTABLE, VIEWS, data_uri
from dd3g_kedro.reporting.evaluated import Evaluated
from dd3g_kedro.reporting.numbers import written


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
    scores = _Scores(evaluated)
    return [
        _shown(str(name), rows.to_dict("records"), evaluated.methods, scores)
        for name, rows in evaluated.pictures.groupby("object_id", sort=True)
    ]


class _Scores:
    """Numbers for the captions, by method and object."""

    def __init__(self, evaluated: Evaluated) -> None:
        keys, metric = ["method", "object_id"], score_shown(evaluated)
        places = decimals(metric)
        self.views = {
            pair: tuple(written(value, places) for value in values)
            for pair, values in evaluated.per_view.groupby(keys, sort=False)[metric]
        }
        whole = evaluated.per_object.set_index(keys)
        self.means = {pair: written(value, places) for pair, value in whole[metric].items()}
        self.reasons = whole["reason"].to_dict()


def _shown(
    name: str, rows: Sequence[dict[str, Any]], methods: Sequence[str], scores: _Scores
) -> ShownObject:
    made = {(row["kind"], row["method"]): row for row in rows}
    views = []
    for method in methods:
        row, pair = made.get((VIEWS, method)), (method, name)
        if row is None:
            reason = str(scores.reasons.get(pair, ""))
            views.append(Frames(method, method, "", reason=reason))
            continue
        own = scores.views[pair]
        framed = tuple(own[position] for position in row["positions"])
        views.append(_frames(row, method, framed, scores.means[pair]))
    turned = [_frames(made[TURNTABLE, m], m) for m in methods if (TURNTABLE, m) in made]
    truth = made.get((TRUTH, ""))
    return ShownObject(
        name=name,
        given=_frames(made[INPUT, ""], INPUT),
        truth=None if truth is None else _frames(truth, TRUTH),
        views=tuple(views),
        turntables=tuple(turned),
        azimuths=_azimuths([row for row in rows if len(row["positions"])]),
    )


def _frames(
    row: dict[str, Any], label: str, scores: tuple[str, ...] = (), mean: str = ""
) -> Frames:
    counts = int(row["frames"]), int(row["columns"])
    return Frames(row["method"], label, data_uri(row["webp"]), *counts, scores, mean)


def _azimuths(rows: Sequence[dict[str, Any]]) -> tuple[str, ...]:
    return tuple(f"{azimuth:.0f}" for azimuth in rows[0]["azimuths_deg"]) if rows else ()
