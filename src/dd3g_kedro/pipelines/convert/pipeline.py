"""ImageDream's released weights -> teacher."""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline

from dd3g_kedro.pipelines.convert import nodes


def create_pipeline() -> Pipeline:
    """One node."""
    return Pipeline(
        [
            Node(
                nodes.convert_teacher,
                name="convert_teacher",
                inputs={"origin": "params:teacher"},
                outputs="teacher",
            )
        ]
    )
