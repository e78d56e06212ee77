"""meshes -> RGBA pictures with their sources, benchmark views."""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline

from dd3g_kedro.pipelines.collect import nodes


def create_pipeline() -> Pipeline:
    """Make objects, draw them."""
    return Pipeline(
        [
            Node(
                nodes.make_objects,
                name="make_objects",
                inputs={
                    "destination": "procedural_objects_destination",
                    "benchmark_destination": "benchmark_objects_destination",
                    "collect": "params:collect",
                },
                outputs=["procedural_objects", "benchmark_objects"],
            ),
            Node(
                nodes.draw_fronts,
                name="draw_fronts",
                inputs={
                    "procedural_objects": "procedural_objects",
                    "destination": "collected_images_destination",
                    "collect": "params:collect",
                },
                outputs=["collected_images", "skipped_meshes"],
            ),
            Node(
                nodes.draw_benchmark,
                name="draw_benchmark",
                inputs={
                    "benchmark_objects": "benchmark_objects",
                    "collect": "params:collect",
                },
                outputs="benchmark_views",
            ),
        ]
    )
