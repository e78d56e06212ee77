"""image table, teacher -> quadruples {N, C, II, OI}."""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline

from dd3g_kedro.pipelines.sample import nodes


def create_pipeline() -> Pipeline:
    """One node: it writes shard by shard and goes on where it was stopped."""
    return Pipeline(
        [
            Node(
                nodes.collect_quadruples,
                name="collect_quadruples",
                inputs={
                    "image_table": "image_table",
                    "collected_images": "collected_images",
                    "teacher": "teacher",
                    "sampling": "params:sampling",
                    "destination": "quadruples_destination",
                },
                outputs="quadruples",
            )
        ]
    )
