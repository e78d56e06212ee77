"""One `kedro run` of the smallest pipeline, seen from the store that it leaves."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline
from kedro_mlflow.framework.hooks.mlflow_hook import MlflowHook
from mlflow import MlflowClient
from mlflow.entities import Run

from dd3g_kedro.hooks.tracking import TrackedRun
from dd3g_kedro.pipeline_registry import DEFAULT

FINGERPRINT = "f" * 64


@dataclass
class Outcome:
    root: Path
    client: MlflowClient
    runs: list[Run]
    said: str


def evaluation(psnr: float) -> dict[str, Any]:
    return {
        "protocol": {"size": 32},
        "student_fingerprint": FINGERPRINT,
        "student": {"novel_psnr": psnr},
    }


def write_metrics(root: Path, psnr: float) -> None:
    folder = root / "data" / "smoke" / "08_reporting" / "evaluation"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "metrics.json").write_text(json.dumps(evaluation(psnr)))


@pytest.fixture(scope="module")
def outcome(scratch: Path, kedro: Callable[..., Any]) -> Outcome:
    write_metrics(scratch, 21.5)
    first = kedro("run", "--env=smoke", "--pipelines=promote")  # no version yet: fails
    assert first.returncode == 1, first.stderr
    client = MlflowClient(f"sqlite:///{scratch}/mlflow.db")
    client.create_registered_model("dd3g-student")
    made = client.create_model_version("dd3g-student", source="nowhere")
    client.set_model_version_tag("dd3g-student", made.version, "student_fingerprint", FINGERPRINT)
    second = kedro("run", "--env=smoke", "--pipelines=promote", DVC_STAGE="promote")
    assert second.returncode == 0, second.stderr
    experiment = client.get_experiment_by_name("dd3g")
    assert experiment is not None
    runs = list(client.search_runs([experiment.experiment_id], order_by=["start_time"]))
    return Outcome(scratch, client, runs, first.stderr)


def test_each_command_is_one_flat_run(outcome: Outcome):
    assert [run.info.status for run in outcome.runs] == ["FAILED", "FINISHED"]
    assert all("mlflow.parentRunId" not in run.data.tags for run in outcome.runs)
    assert {run.info.run_name for run in outcome.runs} == {"promote (smoke)"}


def test_a_failed_run_says_why_in_one_paragraph(outcome: Outcome):
    assert "Traceback" not in outcome.said
    assert "expected a version with student_fingerprint" in outcome.said
    assert "expected a version with" in outcome.runs[0].data.tags["error"]


def test_typed_parameters_arrive_as_columns(outcome: Outcome):
    columns = outcome.runs[1].data.params
    assert columns["promote.metric"] == "student.novel_psnr"
    assert columns["promote.higher_is_better"] == "True"
    assert not any("Promotion(" in value for value in columns.values())


def test_inputs_and_outputs_are_named_by_their_content(outcome: Outcome):
    from dd3g_kedro.hooks.provenance import content_id

    tags = outcome.runs[1].data.tags
    reports = outcome.root / "data" / "smoke" / "08_reporting"
    assert tags["input.evaluation_metrics"] == content_id(reports / "evaluation" / "metrics.json")
    assert tags["output.promotion_report"] == content_id(reports / "promotion.json")
    assert tags["dvc.stage"] == "promote"
    assert tags["kedro.env"] == "smoke"


def test_the_environment_is_recorded(outcome: Outcome):
    run = outcome.runs[1].info.run_id
    listed = {item.path for item in outcome.client.list_artifacts(run, "environment")}
    assert listed == {"environment/requirements.txt", "environment/machine.json"}
    reports = {item.path for item in outcome.client.list_artifacts(run, "promotion_report")}
    assert reports == {"promotion_report/promotion.json"}


def test_the_first_evaluated_student_is_champion(outcome: Outcome):
    assert outcome.client.get_model_version_by_alias("dd3g-student", "champion").version == 1
    report = json.loads(
        (outcome.root / "data" / "smoke" / "08_reporting" / "promotion.json").read_text()
    )
    assert report["promoted"] is True
    assert report["reason"].startswith("there is no evaluated champion")


@pytest.mark.parametrize("names", [None, ["__default__"], ["evaluate", "report"], ["report"]])
def test_every_pipeline_of_a_run_has_a_note_before_a_node_runs(
    names, tmp_path, monkeypatch: pytest.MonkeyPatch
):
    from types import SimpleNamespace

    from kedro.framework.project import configure_project

    configure_project("dd3g_kedro")
    hook = TrackedRun()
    hook._root, hook._data = tmp_path, "data"
    info = SimpleNamespace(experiment_id="1", run_id="abc", run_name="all of it")
    noted = tmp_path / "data" / "08_reporting" / "runs"
    noted.mkdir(parents=True)
    (noted / "report.json").write_text('{"run_id": "older"}')
    monkeypatch.setattr("mlflow.active_run", lambda: SimpleNamespace(info=info))
    monkeypatch.setattr(MlflowHook, "before_pipeline_run", lambda *_: None)
    monkeypatch.setattr(hook, "_name_run", lambda *_: None)
    monkeypatch.setattr(hook, "_log_start", lambda *_: None)
    hook._is_mlflow_enabled = True
    hook.before_pipeline_run({"pipeline_names": names}, Pipeline([]), DataCatalog())
    listed = DEFAULT if names in (None, ["__default__"]) else names
    assert {path.stem for path in noted.iterdir()} == set(listed)
    for path in noted.iterdir():
        assert json.loads(path.read_text())["run_id"] == "abc"


def test_reports_tell_which_run_they_came_from(outcome: Outcome):
    note = outcome.root / "data" / "smoke" / "08_reporting" / "runs" / "promote.json"
    assert json.loads(note.read_text())["run_id"] == outcome.runs[1].info.run_id
