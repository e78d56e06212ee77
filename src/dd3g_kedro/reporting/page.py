"""The whole report as one HTML file without anything outside it."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from typing import Any

from dd3g_kedro.benchmark.scores.intervals import CONFIDENCE
from dd3g_kedro.benchmark.scores.names import ALL_HEADINGS
from dd3g_kedro.benchmark.tables.quoted import NOT_COMPARABLE, PAPER
from dd3g_kedro.reporting import charts, numbers
from dd3g_kedro.reporting.ablated import Ablated
from dd3g_kedro.reporting.evaluated import Evaluated
from dd3g_kedro.reporting.runs import Run
from dd3g_kedro.reporting.shown import score_shown, shown_objects

_COLORS = 8  # of the style sheet; further methods begin anew, with another dash


def report_page(evaluated: Evaluated, ablated: Ablated, runs: Sequence[Run]) -> str:
    """HTML with its style, script and pictures inside; the same arguments give the same page."""
    differences = charts.difference_charts(evaluated)
    costs = numbers.cost_rows(evaluated.costs)
    study = evaluated.study_scores.to_dict("records")
    return _template().render(
        style=_part("report.css"),
        script=_part("report.js"),
        protocol=evaluated.protocol,
        measured=evaluated.metrics["protocol"],
        source=evaluated.source,
        stamp=(evaluated.id, evaluated.digest),
        fingerprint=evaluated.metrics["student_fingerprint"] or "",
        failed=evaluated.metrics["failed"],
        objects=evaluated.objects,
        methods=evaluated.methods,
        color={method: index % _COLORS for index, method in enumerate(evaluated.methods)},
        index={method: index for index, method in enumerate(evaluated.methods)},
        headline=_headline(differences, evaluated),
        raw=numbers.means_table(evaluated),
        aligned=numbers.means_table(evaluated, aligned=True),
        per_object=numbers.object_table(evaluated),
        azimuth=charts.azimuth_chart(evaluated),
        differences=differences,
        shown=shown_objects(evaluated),
        score_shown=ALL_HEADINGS[score_shown(evaluated)].rstrip(" ↑↓"),
        costs=costs,
        study=study,
        study_chart=charts.study_chart(evaluated.study_scores),
        quoted=numbers.quoted_table(evaluated.source),
        paper=PAPER,
        not_comparable=NOT_COMPARABLE,
        confidence=f"{CONFIDENCE:.0%}",
        ablated=ablated,
        runs=runs,
        counted=numbers.counted,
    )


def _template() -> Any:
    """Names of objects and methods are anyone's: everything is escaped."""
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    environment = Environment(
        loader=FunctionLoader(_part),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html")


def _part(name: str) -> str:
    return files("dd3g_kedro.reporting").joinpath(name).read_text("utf-8")


def _headline(
    differences: Sequence[charts.WhiskerChart], evaluated: Evaluated
) -> dict[str, Any] | None:
    """The first method's first metric with its differences, in words."""
    first = evaluated.methods[0]
    own = evaluated.intervals[
        (evaluated.intervals["minus"] == "") & (evaluated.intervals["method"] == first)
    ].to_dict("records")
    if not own:
        return None
    row = own[0]
    places = numbers.decimals(row["metric"])
    chart = next((c for c in differences if c.heading == ALL_HEADINGS[row["metric"]]), None)
    return {
        "method": first,
        "metric": ALL_HEADINGS[row["metric"]].rstrip(" ↑↓"),
        "mean": numbers.written(row["mean"], places),
        "interval": numbers.bounds(row["low"], row["high"], places),
        "rows": () if chart is None else chart.rows,
    }
