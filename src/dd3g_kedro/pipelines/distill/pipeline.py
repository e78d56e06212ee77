"""quadruples, teacher -> student weights, registry entry."""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline

from dd3g_kedro.pipelines.distill import nodes


def create_pipeline() -> Pipeline:
    """Distil, then register."""
    return Pipeline(
        [
            Node(
                nodes.distil_student,
                name="distil_student",
                inputs={
                    "quadruples": "quadruples",
                    "image_table": "image_table",
                    "collected_images": "collected_images",
                    "teacher": "teacher",
                    "student_initial": "student_initial",
                    "student": "params:student",
                    "objective": "params:objective",
                    "distillation": "params:distillation",
                    "checkpoints": "training_checkpoints",
                    "step_log": "distill_log",
                },
                outputs="student",
            ),
            Node(
                nodes.release_student,
                name="release_student",
                inputs={
                    "student": "student",
                    "quadruples": "quadruples",
                    "distillation": "params:distillation",
                    "weights": "student_file",
                },
                outputs="student_registry",
            ),
        ]
    )
