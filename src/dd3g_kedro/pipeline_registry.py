"""The pipelines that `kedro run --pipelines=...` knows."""

from __future__ import annotations

from importlib import import_module

from kedro.pipeline import Pipeline

from dd3g_kedro.pipelines.annotations import settle

NAMES = (
    "collect",
    "validate",
    "teacher",
    "convert",
    "sample",
    "distill",
    "evaluate",
    "ablate",
    "report",
    "generate",
    "promote",
)
DEFAULT = ("validate", "sample", "distill", "evaluate", "report")


def register_pipelines() -> dict[str, Pipeline]:
    """Build every pipeline; `__default__` is what `make demo` runs."""
    registered = {
        name: import_module(f"{__package__}.pipelines.{name}").create_pipeline() for name in NAMES
    }
    for pipeline in registered.values():
        for node in pipeline.nodes:
            settle(node.func)
    registered["__default__"] = sum((registered[name] for name in DEFAULT), Pipeline([]))
    return registered
