"""A row's files, and its numbers in the tracked run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from tests.fakes import tiny_student

from dd3g_kedro.ablation.results import RowResult, columns
from dd3g_kedro.core.student.weights import load_student
from dd3g_kedro.datasets.ablation_run import ROW_TAG, RowLogDataset, RowResultDataset


def result(psnr: float = 20.5, **settings: Any) -> RowResult:
    document = {
        "row": "explicit",
        "table": "III",
        "label": "explicit supervision",
        "protocol": {"id": "toy-1", "digest": "d" * 64},
        "settings": {"student": {"pepd": {"heads": 2}, "rows": [1, 2]}, **settings},
        "training": {
            **{"quadruples": 8, "minutes": 1.5, "device": "cpu"},
            **{"teacher": "t" * 64, "data": "q" * 64, "common": "c" * 64},
        },
        "metrics": {"psnr": psnr},
        "objects": {"psnr": {"cup": psnr}},
        "images": {},
    }
    return RowResult(document, Image.new("RGB", (8, 8)), tiny_student())


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "rows" / "explicit"


def saved(place: Path, data: RowResult) -> RowResultDataset:
    weights = place.parents[1] / f"{place.name}.safetensors"
    dataset = RowResultDataset(filepath=str(place), weights=str(weights))
    dataset.save(data)
    return dataset


def train(place: Path) -> None:
    log = RowLogDataset(filepath=str(place / "steps.jsonl")).load()
    for step in range(3):
        log.append(step, {"loss": 1.0 / (step + 1)})
    log.flush()


def test_without_tracking_only_files_are_kept(place):
    train(place)
    loaded = saved(place, result()).load()
    assert loaded is not None and loaded.document == result().document
    assert {path.name for path in place.iterdir()} == {"result.json", "sheet.png", "steps.jsonl"}
    kept = load_student(place.parents[1] / "explicit.safetensors")
    assert kept.config == tiny_student().config


@pytest.mark.parametrize(("tag", "prefix"), [("explicit", ""), (None, "explicit.")])
def test_a_run_of_one_row_has_its_numbers_as_they_are_named(tracked_run, place, tag, prefix):
    """In a run of several rows the row's name stands before them."""
    if tag is not None:
        tracked_run.client.set_tag(tracked_run.run_id, ROW_TAG, tag)
    train(place)
    saved(place, result())
    run = tracked_run.client.get_run(tracked_run.run_id)
    assert run.data.params[f"{prefix}row.student.pepd.heads"] == "2"
    assert run.data.params[f"{prefix}label"] == "explicit supervision"
    assert run.data.params[f"{prefix}protocol.id"] == "toy-1"
    assert run.data.params[f"{prefix}teacher"] == "t" * 64
    assert run.data.metrics[f"{prefix}psnr"] == 20.5
    assert run.data.metrics[f"{prefix}training.quadruples"] == 8
    steps = tracked_run.client.get_metric_history(run.info.run_id, f"{prefix}loss")
    assert [point.step for point in steps] == [0, 1, 2]
    files = {item.path for item in tracked_run.client.list_artifacts(run.info.run_id, "explicit")}
    assert files == {"explicit/result.json", "explicit/sheet.png"}


def test_a_row_that_is_another_one_has_neither_numbers_nor_weights(tracked_run, place):
    same = RowResult({"row": "pepd", "table": "II", "label": "PEPD", "same_as": "explicit"})
    kept = saved(place.parent / "pepd", same).load()
    assert kept is not None and kept.document == same.document
    assert [path.name for path in (place.parent / "pepd").iterdir()] == ["result.json"]
    assert not list(place.parents[1].glob("*.safetensors"))
    assert tracked_run.client.get_run(tracked_run.run_id).data.metrics == {}


def test_columns_name_the_leaves():
    assert columns({"a": {"b": 1, "c": {}}, "d": [1], "e": None}) == {
        **{"a.b": 1, "a.c": {}, "d": [1], "e": None}
    }
