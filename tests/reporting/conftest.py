"""A real evaluation of objects and methods with hostile names, stored and read again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from kedro.io import DataCatalog, MemoryDataset
from kedro.runner import SequentialRunner
from tests.known_objects import protocol_file, saved_student, stored_views, views_table

from dd3g_kedro.benchmark.config import EvaluateConfig
from dd3g_kedro.reporting.evaluated import Evaluated, texts

HOSTILE = "<img src=x onerror=document.title='owned'>\"'&{{ 7 * 7 }}"
METHOD = "</script><script>document.title='owned'</script>"


def stored_catalog(project: Path, data: Path) -> DataCatalog:
    """The project's own entries for what `evaluate` and `report` store, in another folder."""
    entries: dict[str, Any] = {}
    for name in ("evaluate", "report"):
        text = (project / f"conf/base/catalog_{name}.yml").read_text()
        entries |= yaml.safe_load(text.replace("${globals:data}", str(data)))
    shared = entries.pop("_texts")
    for entry in entries.values():
        if "load_args" in entry:
            entry["load_args"] = shared
    return DataCatalog.from_config(entries)


def evaluation_config(folder: Path) -> EvaluateConfig:
    """The student, baselines, and another system that has pictures of one object only."""
    outputs = folder / "outputs"
    made = outputs / "007"
    made.mkdir(parents=True)
    table = views_table(1)
    for index, content in enumerate(table[table["view"] != "input"]["png"]):
        (made / f"{index:03d}.png").write_bytes(content)
    return EvaluateConfig(
        protocol=protocol_file(folder),
        baselines=["copy_input", "extruded_silhouette"],
        outputs={METHOD: str(outputs)},
        alignment={"step_deg": 45.0, "tolerance_deg": 45.0},
        pictures={"frames": 3, "turntable_size": 24},
        lpips={"vgg": None, "alex": None},
    )


@pytest.fixture(scope="session")
def reported(project: Path, tmp_path_factory: pytest.TempPathFactory) -> DataCatalog:
    """The catalog after `evaluate` and `report` have run."""
    from dd3g_kedro.pipelines import evaluate, report

    folder = tmp_path_factory.mktemp("reported")
    table = views_table(7).replace({"object_id": {"object0": "007", "object1": HOSTILE}})
    catalog = stored_catalog(project, folder / "data")
    for name, value in {
        "student": saved_student(project, folder),
        "benchmark_views": stored_views(table, folder),
        "params:evaluate": evaluation_config(folder),
    }.items():
        catalog[name] = MemoryDataset(value, copy_mode="assign")
    for pipeline in (evaluate, report):
        SequentialRunner().run(pipeline.create_pipeline(), catalog)
    return catalog


@pytest.fixture(scope="session")
def evaluated(reported: DataCatalog) -> Evaluated:
    names = ("intervals", "per_object", "per_view", "by_azimuth", "costs", "pictures")
    tables = [reported.load(f"evaluation_{name}") for name in names]
    tables.append(reported.load("user_study_scores"))
    documents = (reported.load(f"evaluation_{name}") for name in ("protocol", "metrics"))
    return Evaluated(*documents, *(texts(table) for table in tables))


@pytest.fixture(scope="session")
def page(reported: DataCatalog) -> str:
    return reported.load("report")


@pytest.fixture
def scores() -> pd.DataFrame:
    """A user study's means."""
    rows = [("student", 6.25, 5.5, 7.0), ("copy_input", 2.0, 1.5, 2.5)]
    table = pd.DataFrame(rows, columns=["method", "mean", "low", "high"])
    return table.assign(
        participants=4, objects=3, protocol="old-1", protocol_digest="ab" * 32, study="cd" * 32
    )
