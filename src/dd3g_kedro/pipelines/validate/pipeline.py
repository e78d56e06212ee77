"""folder of RGBA pictures, a person's decisions -> image table, contact sheet."""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline

from dd3g_kedro.pipelines.validate import nodes


def create_pipeline() -> Pipeline:
    """Measure, judge, show."""
    return Pipeline(
        [
            Node(
                nodes.inspect_images,
                name="inspect_images",
                inputs={
                    "collected_images": "collected_images",
                    "inspections": "image_inspections",
                    "validate": "params:validate",
                },
                outputs="image_measures",
            ),
            Node(
                nodes.judge_images,
                name="judge_images",
                inputs={
                    "measures": "image_measures",
                    "collected_images": "collected_images",
                    "decisions": "image_decisions",
                    "validate": "params:validate",
                },
                outputs="image_table",
            ),
            Node(
                nodes.draw_contact_sheet,
                name="draw_contact_sheet",
                inputs={
                    "image_table": "image_table",
                    "collected_images": "collected_images",
                    "inspections": "image_inspections",
                    "destination": "image_contact_sheet_destination",
                    "validate": "params:validate",
                },
                outputs="image_contact_sheet",
            ),
        ]
    )
