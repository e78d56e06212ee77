"""Student, benchmark views and, where asked for, teacher -> numbers, tables and pictures."""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline

from dd3g_kedro.pipelines.evaluate import nodes


def create_pipeline() -> Pipeline:
    """Score the student and the baselines."""
    return Pipeline(
        [
            Node(
                nodes.evaluate_student,
                inputs={
                    "student": "student",
                    "benchmark_views": "benchmark_views",
                    "load_teacher": "teacher_on_demand",
                    "evaluate": "params:evaluate",
                },
                outputs={
                    "metrics": "evaluation_metrics",
                    "intervals": "evaluation_intervals",
                    "per_object": "evaluation_per_object",
                    "per_view": "evaluation_per_view",
                    "by_azimuth": "evaluation_by_azimuth",
                    "costs": "evaluation_costs",
                    "protocol": "evaluation_protocol",
                    "pictures": "evaluation_pictures",
                    "table": "evaluation_table",
                    "sheet": "evaluation_sheet",
                    "plot": "evaluation_plot",
                },
            ),
            Node(
                nodes.study_methods,
                inputs={
                    "student": "student",
                    "benchmark_views": "benchmark_views",
                    "load_teacher": "teacher_on_demand",
                    "stored_keys": "user_study_stored_keys",
                    "evaluate": "params:evaluate",
                },
                outputs={
                    "page": "user_study_page",
                    "key": "user_study_key",
                    "answers": "user_study_answers",
                    "scores": "user_study_scores",
                },
            ),
        ]
    )
