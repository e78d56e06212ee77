"""A tracked run in a store of its own."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest


@dataclass
class TrackedRun:
    """An active MLflow run and what it holds."""

    client: Any
    run_id: str

    def history(self, key: str) -> list[Any]:
        return self.client.get_metric_history(self.run_id, key)

    def artifacts(self, folder: str) -> list[str]:
        return [item.path for item in self.client.list_artifacts(self.run_id, folder)]


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store without runs; making one takes seconds."""
    from mlflow import MlflowClient

    path = tmp_path_factory.mktemp("store") / "mlflow.db"
    MlflowClient(f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture
def tracked_run(tmp_path: Path, empty_store: Path) -> Iterator[TrackedRun]:
    import mlflow

    shutil.copy(empty_store, tmp_path / "mlflow.db")
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path}/mlflow.db")
    try:
        experiment = mlflow.create_experiment("test", (tmp_path / "artifacts").as_uri())
        with mlflow.start_run(experiment_id=experiment) as run:
            yield TrackedRun(mlflow.MlflowClient(), run.info.run_id)
    finally:
        mlflow.set_tracking_uri(before)
