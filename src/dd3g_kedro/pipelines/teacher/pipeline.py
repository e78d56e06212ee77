"""meshes -> mini teacher weights."""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline

from dd3g_kedro.pipelines.teacher import nodes


def create_pipeline() -> Pipeline:
    """Views, then the VAE, then the U-Net, then a measurement."""
    settings = {
        "teacher_training": "params:teacher_training",
        "mini_teacher": "params:mini_teacher",
        "origin": "params:teacher",
    }
    return Pipeline(
        [
            Node(
                nodes.draw_training_views,
                name="draw_training_views",
                inputs=settings | {"destination": "training_views_destination"},
                outputs="training_views",
            ),
            Node(
                nodes.train_autoencoder,
                name="train_autoencoder",
                inputs=settings
                | {
                    "training_views": "training_views",
                    "present": "teacher_present",
                    "checkpoints": "training_checkpoints",
                    "step_log": "autoencoder_log",
                },
                outputs="teacher_autoencoder",
            ),
            Node(
                nodes.train_teacher,
                name="train_teacher",
                inputs=settings
                | {
                    "training_views": "training_views",
                    "autoencoder": "teacher_autoencoder",
                    "present": "teacher_present",
                    "checkpoints": "training_checkpoints",
                    "step_log": "teacher_log",
                },
                outputs="teacher",
            ),
            Node(
                nodes.measure_teacher,
                name="measure_teacher",
                inputs={"teacher": "teacher", "teacher_training": "params:teacher_training"},
                outputs=["teacher_scores", "teacher_sheet", "teacher_consistency_sheet"],
            ),
        ]
    )
