"""A picture, a folder or a list of them and the student -> objects on disk."""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline

from dd3g_kedro.pipelines.generate import nodes


def create_pipeline() -> Pipeline:
    """Turn pictures into objects."""
    return Pipeline(
        [
            Node(
                nodes.generate_objects,
                inputs={
                    "image": "params:image",
                    "student": "student",
                    "generate": "params:generate",
                },
                outputs="generated",
            )
        ]
    )
