"""The evaluation's metrics and the model registry -> the champion."""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline

from dd3g_kedro.pipelines.promote import nodes


def create_pipeline() -> Pipeline:
    """Move the alias `champion` if the evaluated student is better."""
    return Pipeline(
        [
            Node(
                nodes.promote_student,
                inputs={
                    "metrics": "evaluation_metrics",
                    "registry": "student_registry",
                    "promotion": "params:promote",
                },
                outputs="promotion_report",
            )
        ]
    )
