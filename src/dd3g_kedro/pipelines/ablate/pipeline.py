"""One namespace for each row, and for what rows share: quadruples beside `sample`'s, tables."""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline

from dd3g_kedro.ablation.config import ROWS, TABLES, TRUE_VIEWS
from dd3g_kedro.pipelines.ablate import nodes

_MEASURED_ON = {
    "benchmark_views": "benchmark_views",
    "held_out": "ablation_held_out",
    "held_out_images": "ablation_held_out_images",
}
_STYLISED = {"stylised": "ablation_stylised", "stylised_images": "ablation_stylised_images"}


def _row(name: str) -> Node:
    if name == TRUE_VIEWS:
        node, learnt_from = nodes.run_true_views, {"training_views": "training_views"}
    else:
        node = nodes.row_node(name)
        white = name == "background_fixed"
        learnt_from = {
            "quadruples": "ablation_white" if white else "quadruples",
            "image_table": "image_table",
            "collected_images": "collected_images",
            **(_STYLISED if ROWS[name] == "IV" else {}),
        }
    return Node(
        node,
        name="run_row",
        namespace=name,
        tags=[f"table_{ROWS[name]}"],
        inputs={
            "ablate": "params:ablate",
            "student": "params:student",
            "objective": "params:objective",
            "evaluate": "params:evaluate",
            **learnt_from,
            "teacher": "teacher",
            **_MEASURED_ON,
            "checkpoints": f"{name}.ablation_checkpoints",
            "step_log": f"{name}.ablation_log",
        },
        outputs=f"{name}.ablation_result",
    )


def _held_out() -> list[Node]:
    return [
        Node(
            nodes.write_held_out,
            name="write_images",
            namespace="held_out",
            inputs={
                "benchmark_views": "benchmark_views",
                "evaluate": "params:evaluate",
                "ablate": "params:ablate",
                "destination": "ablation_held_out_images_destination",
            },
            outputs="ablation_held_out_images",
        ),
        Node(
            nodes.sample_held_out,
            name="sample_quadruples",
            namespace="held_out",
            inputs={
                "images": "ablation_held_out_images",
                "teacher": "teacher",
                "sampling": "params:sampling",
                "ablate": "params:ablate",
                "destination": "ablation_held_out_destination",
            },
            outputs="ablation_held_out",
        ),
    ]


def _on_white() -> list[Node]:
    return [
        Node(
            nodes.sample_on_white,
            name="sample_quadruples",
            namespace="on_white",
            inputs={
                "image_table": "image_table",
                "collected_images": "collected_images",
                "teacher": "teacher",
                "sampling": "params:sampling",
                "ablate": "params:ablate",
                "destination": "ablation_white_destination",
            },
            outputs="ablation_white",
        )
    ]


def _stylised() -> list[Node]:
    return [
        Node(
            nodes.stylise_images,
            name="stylise_images",
            namespace="stylised",
            inputs={
                "image_table": "image_table",
                "collected_images": "collected_images",
                "ablate": "params:ablate",
                "destination": "ablation_stylised_images_destination",
            },
            outputs="ablation_stylised_images",
        ),
        Node(
            nodes.sample_stylised,
            name="sample_quadruples",
            namespace="stylised",
            inputs={
                "images": "ablation_stylised_images",
                "teacher": "teacher",
                "sampling": "params:sampling",
                "destination": "ablation_stylised_destination",
            },
            outputs="ablation_stylised",
        ),
    ]


def _table(name: str) -> Node:
    """`--namespaces=tables` makes them again."""
    return Node(
        nodes.table_node(name),
        name=f"table_{name}",
        namespace="tables",
        tags=[f"table_{name}"],
        inputs={"ablate": "params:ablate", **{row: f"{row}.ablation_result" for row in ROWS}},
        outputs={
            part: f"{name}.ablation_{part}" for part in ("rows", "pairs", "markdown", "figure")
        },
    )


def _pictures() -> list[Node]:
    """Of the student that `distill` made, not of a row."""
    return [
        Node(
            nodes.interpolate,
            name="interpolate",
            namespace="interpolation",
            inputs={
                "student": "student",
                "images": "ablation_held_out_images",
                "evaluate": "params:evaluate",
                "ablate": "params:ablate",
            },
            outputs={"measures": "interpolation_measures", "strip": "interpolation_strip"},
        ),
        Node(
            nodes.vary_noise,
            name="vary_noise",
            namespace="diversity",
            inputs={
                "student": "student",
                "held_out": "ablation_held_out",
                "images": "ablation_held_out_images",
                "evaluate": "params:evaluate",
                "ablate": "params:ablate",
            },
            outputs={"measures": "diversity_measures", "strip": "diversity_strip"},
        ),
    ]


def create_pipeline() -> Pipeline:
    """`--namespaces=<row>` runs one row, once `held_out` (and what else it reads) has been run."""
    shared = [*_held_out(), *_on_white(), *_stylised(), *_pictures()]
    tables = [_table(name) for name in (*TABLES, "method")]
    return Pipeline([*shared, *(_row(name) for name in ROWS), *tables])
