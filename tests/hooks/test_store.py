from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from mlflow import MlflowClient

from dd3g_kedro.hooks import store

_PREPARE = """
import sys
from dd3g_kedro.hooks.store import prepare
prepare(sys.argv[1], "dd3g", sys.argv[2], None)
"""


def test_processes_that_start_at_once_leave_one_sound_store(tmp_path: Path):
    """An empty SQLite file that two processes migrate at once is broken for good."""
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    command = [sys.executable, "-c", _PREPARE, uri, (tmp_path / "artifacts").as_uri()]
    started = [subprocess.Popen(command, stderr=subprocess.PIPE) for _ in range(2)]
    errors = [process.communicate()[1].decode() for process in started]
    assert [process.returncode for process in started] == [0, 0], errors
    experiments = MlflowClient(uri).search_experiments(filter_string="name = 'dd3g'")
    assert len(experiments) == 1


def test_a_run_whose_process_is_gone_is_closed(tmp_path: Path):
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    store.prepare(uri, "dd3g", (tmp_path / "artifacts").as_uri(), None)
    client = MlflowClient(uri)
    experiment = client.get_experiment_by_name("dd3g")
    assert experiment is not None
    ended = subprocess.Popen(["true"])
    ended.wait()
    runs = {}
    for name, process, host in [
        ("gone", ended.pid, platform.node()),
        ("alive", os.getpid(), platform.node()),
        ("elsewhere", ended.pid, "another-host"),
    ]:
        tags = {"process.id": str(process), "process.host": host}
        runs[name] = client.create_run(experiment.experiment_id, tags=tags).info.run_id
    store.close_abandoned(client, experiment.experiment_id, platform.node())
    status = {name: client.get_run(run).info.status for name, run in runs.items()}
    assert status == {"gone": "KILLED", "alive": "RUNNING", "elsewhere": "RUNNING"}


def test_where_runs_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert store.tracking_uri(None, tmp_path) == f"sqlite:///{tmp_path}/mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:5000")
    assert store.tracking_uri(None, tmp_path) == "http://127.0.0.1:5000"
    assert store.tracking_uri("sqlite:////elsewhere.db", tmp_path) == "sqlite:////elsewhere.db"


def test_a_shared_server_keeps_artifacts_where_it_likes(project: Path):
    configured = yaml.safe_load((project / "conf" / "base" / "mlflow.yml").read_text())["tracking"]
    kept = configured["experiment"]
    chosen = store.servers_choice(configured)["experiment"]
    assert "artifact_location" in kept["create_experiment_kwargs"]  # of the project's own store
    tags = kept["create_experiment_kwargs"]["tags"]
    assert chosen == {**kept, "create_experiment_kwargs": {"tags": tags}}
