"""Write the report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


def write_report(
    protocol: dict[str, Any],
    metrics: dict[str, Any],
    intervals: pd.DataFrame,
    per_object: pd.DataFrame,
    per_view: pd.DataFrame,
    by_azimuth: pd.DataFrame,
    costs: pd.DataFrame,
    pictures: pd.DataFrame,
    study_scores: pd.DataFrame,
    ablations: Path,
    run_notes: Path,
) -> str:
    """Everything that was measured as one HTML page; what was not says which command does."""
    from dd3g_kedro.reporting.ablated import read_ablations
    from dd3g_kedro.reporting.evaluated import Evaluated, texts
    from dd3g_kedro.reporting.page import report_page
    from dd3g_kedro.reporting.runs import tracked_runs

    tables = (intervals, per_object, per_view, by_azimuth, costs, pictures, study_scores)
    evaluated = Evaluated(protocol, metrics, *(texts(table) for table in tables))
    return report_page(evaluated, read_ablations(ablations), tracked_runs(run_notes))
