"""A row's own tracked run, beside the pipeline's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mlflow
import pytest
from PIL import Image

from dd3g_kedro.ablation.results import RowResult, columns
from dd3g_kedro.datasets.ablation_run import RowLogDataset, RowResultDataset


def result(fingerprint: str = "f" * 64, psnr: float = 20.5, **settings: Any) -> RowResult:
    document = {
        "row": "explicit",
        "table": "III",
        "label": "explicit supervision",
        "fingerprint": fingerprint,
        "protocol": {"id": "toy-1", "digest": "d" * 64},
        "settings": {"student": {"pepd": {"heads": 2}, "rows": [1, 2]}, **settings},
        "training": {"quadruples": 8, "minutes": 1.5, "device": "cpu", "teacher": "t" * 64},
        "metrics": {"psnr": psnr},
        "objects": {"psnr": {"cup": psnr}},
        "images": {},
    }
    return RowResult(document, Image.new("RGB", (8, 8)))


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "rows" / "explicit"


def datasets(place: Path) -> tuple[RowResultDataset, RowLogDataset]:
    log = RowLogDataset(filepath=str(place / "steps.jsonl"))
    return RowResultDataset(filepath=str(place)), log


def train(place: Path, first: int = 0, last: int = 3) -> None:
    log = datasets(place)[1].load()
    log.begin(first, list(log.records())[:first])
    for step in range(first, last):
        log.append(step, {"loss": 1.0 / (step + 1)})
    log.flush()


def others(tracked_run) -> list[Any]:
    experiment = tracked_run.client.get_run(tracked_run.run_id).info.experiment_id
    runs = tracked_run.client.search_runs([experiment], order_by=["start_time"])
    return [run for run in runs if run.info.run_id != tracked_run.run_id]


def test_without_tracking_only_files_are_kept(place):
    train(place)
    datasets(place)[0].save(result())
    loaded = datasets(place)[0].load()
    assert loaded is not None and loaded.document == result().document
    assert {path.name for path in place.iterdir()} == {"result.json", "sheet.png", "steps.jsonl"}


def test_a_row_is_a_finished_run_of_its_own_with_columns(tracked_run, place):
    train(place)
    datasets(place)[0].save(result())
    (run,) = others(tracked_run)
    assert run.info.status == "FINISHED"
    assert "mlflow.parentRunId" not in run.data.tags
    assert run.data.tags["dd3g.ablation"] == "III"
    assert run.data.tags["dd3g.row"] == run.info.run_name == "explicit"
    assert run.data.params["student.pepd.heads"] == "2"
    assert run.data.params["label"] == "explicit supervision"
    assert run.data.metrics["psnr"] == 20.5
    assert run.data.metrics["training.quadruples"] == 8
    steps = tracked_run.client.get_metric_history(run.info.run_id, "loss")
    assert [point.step for point in steps] == [0, 1, 2]
    files = {item.path for item in tracked_run.client.list_artifacts(run.info.run_id)}
    assert files == {"result.json", "sheet.png"}


def test_columns_tell_protocol_data_and_teacher(tracked_run, place):
    datasets(place)[0].save(result())
    (run,) = others(tracked_run)
    assert run.data.params["protocol.id"] == "toy-1"
    assert run.data.params["protocol.digest"] == "d" * 64
    assert run.data.params["teacher"] == "t" * 64
    assert run.data.params["quadruples"] == "8"
    assert "common" not in run.data.params  # an older result has none


def test_the_pipelines_own_run_stays_active_and_as_it_was(tracked_run, place):
    train(place)
    datasets(place)[0].save(result())
    active = mlflow.active_run()
    assert active is not None and active.info.run_id == tracked_run.run_id
    own = tracked_run.client.get_run(tracked_run.run_id)
    assert own.info.status == "RUNNING"
    assert own.data.metrics == own.data.params == {}


def test_saving_the_same_result_again_changes_nothing(tracked_run, place):
    train(place)
    for _ in range(2):
        datasets(place)[0].save(result())
    assert len(others(tracked_run)) == 1


def test_an_interrupted_row_goes_on_in_its_run(tracked_run, place):
    train(place, last=2)
    (run,) = others(tracked_run)
    tracked_run.client.set_terminated(run.info.run_id, "KILLED")
    train(place, first=2, last=4)
    datasets(place)[0].save(result())
    (run,) = others(tracked_run)
    assert run.info.status == "FINISHED"
    steps = {p.step for p in tracked_run.client.get_metric_history(run.info.run_id, "loss")}
    assert steps == {0, 1, 2, 3}


def test_other_settings_and_other_numbers_are_other_runs(tracked_run, place):
    train(place)
    datasets(place)[0].save(result())
    train(place)  # anew, with another objective
    datasets(place)[0].save(result("a" * 64, objective={"weight_cap": 0.0}))
    datasets(place)[0].save(result("b" * 64, psnr=21.0, objective={"weight_cap": 0.0}))
    runs = others(tracked_run)
    assert len(runs) == 3
    assert [run.info.status for run in runs] == ["FINISHED"] * 3
    assert [run.data.metrics["psnr"] for run in runs] == [20.5, 20.5, 21.0]
    assert len(tracked_run.client.get_metric_history(runs[2].info.run_id, "loss")) == 3


def test_a_result_from_another_machine_is_tracked_with_its_steps(tracked_run, place):
    place.mkdir(parents=True)
    (place / "steps.jsonl").write_text('{"step": 0, "loss": 2.0}\n{"step": 5, "loss": 1.0}\n')
    (place / "run.json").write_text('{"run_id": "elsewhere", "tracking_uri": "sqlite:////gone.db"}')
    datasets(place)[0].save(result())
    (run,) = others(tracked_run)
    steps = tracked_run.client.get_metric_history(run.info.run_id, "loss")
    assert [(point.step, point.value) for point in steps] == [(0, 2.0), (5, 1.0)]


SAME = RowResult({"row": "pepd", "table": "II", "label": "PEPD", "same_as": "explicit"})


@pytest.mark.parametrize("first", ["explicit", "pepd"])
def test_a_row_that_is_another_one_has_a_run_with_that_ones_numbers(tracked_run, place, first):
    order = ("explicit", "pepd") if first == "explicit" else ("pepd", "explicit")
    for _ in range(2):
        for name in order:
            datasets(place.parent / name)[0].save(result() if name == "explicit" else SAME)
    runs = {run.info.run_name: run for run in others(tracked_run)}
    assert len(others(tracked_run)) == len(runs) == 2
    own, same = runs["explicit"], runs["pepd"]
    assert same.info.status == "FINISHED"
    assert same.data.metrics == own.data.metrics
    named = {"row": "pepd", "table": "II", "label": "PEPD"}
    assert same.data.params == own.data.params | named
    assert same.data.tags["dd3g.same_as"] == "explicit"
    assert "dd3g.same_as" not in own.data.tags
    kept = datasets(place.parent / "pepd")[0].load()
    assert kept is not None and kept.document == SAME.document
    files = {path.name for path in (place.parent / "pepd").iterdir()}
    assert files == {"result.json", "run.json"}


def test_a_row_that_is_one_without_numbers_has_no_run(tracked_run, place):
    datasets(place.parent / "pepd")[0].save(SAME)
    assert others(tracked_run) == []


def test_columns_name_the_leaves():
    assert columns({"a": {"b": 1, "c": {}}, "d": [1], "e": None}) == {
        **{"a.b": 1, "a.c": {}, "d": [1], "e": None}
    }
