"""Objects, pictures of them to learn from, and the benchmark's views."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeAlias

from dd3g_kedro.objects.config import CollectConfig

Table: TypeAlias = Any  # pandas.DataFrame, which Kedro's start does without


def make_objects(
    destination: Path, benchmark_destination: Path, collect: CollectConfig
) -> tuple[Path, Path]:
    """Make the procedural objects to learn from, and those that are held out."""
    from dd3g_kedro.objects.objects import planned_objects, write_objects

    train, held_out = planned_objects(collect.objects)
    return (
        write_objects(train, destination, split="train"),
        write_objects(held_out, benchmark_destination, split="test"),
    )


def draw_fronts(
    procedural_objects: Path, destination: Path, collect: CollectConfig
) -> tuple[Path, Table]:
    """Draw the procedural objects, the folder that `collect.meshes` names, or both."""
    import pandas as pd

    from dd3g_kedro.objects.views import SkippedMesh, draw_fronts

    folders = [collect.meshes] if collect.meshes else []
    if not folders or collect.procedural_too:
        folders.append(procedural_objects)
    skipped = draw_fronts(folders, destination, collect)
    columns = list(SkippedMesh.__dataclass_fields__)
    return destination, pd.DataFrame([vars(each) for each in skipped], columns=columns)


def draw_benchmark(benchmark_objects: Path, collect: CollectConfig) -> Table:
    """Draw the held-out objects from all sides."""
    import pandas as pd

    from dd3g_kedro.objects.views import VIEW_COLUMNS, draw_benchmark

    return pd.DataFrame(draw_benchmark(benchmark_objects, collect), columns=list(VIEW_COLUMNS))
