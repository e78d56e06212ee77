"""Stored results of `evaluate` and, where they are, of `ablate` -> one HTML page."""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline

from dd3g_kedro.pipelines.report import nodes


def create_pipeline() -> Pipeline:
    """Nothing is computed again."""
    return Pipeline(
        [
            Node(
                nodes.write_report,
                inputs={
                    "protocol": "evaluation_protocol",
                    "metrics": "evaluation_metrics",
                    "intervals": "evaluation_intervals",
                    "per_object": "evaluation_per_object",
                    "per_view": "evaluation_per_view",
                    "by_azimuth": "evaluation_by_azimuth",
                    "costs": "evaluation_costs",
                    "pictures": "evaluation_pictures",
                    "study_scores": "user_study_scores",
                    "ablations": "ablation_reports",
                    "run_notes": "run_notes",
                },
                outputs="report",
            )
        ]
    )
