"""MLflow's SQLite store, created by one process before anyone else uses it."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import filelock
import mlflow
from mlflow.entities import RunStatus
from mlflow.tracking import MlflowClient

from dd3g_kedro.datasets.student_registry import SHIPPED

if TYPE_CHECKING:
    from dd3g_kedro.datasets.student_registry import StudentRegistry

_LOG = logging.getLogger(__name__)
_ARTIFACTS = "artifact_location"


def tracking_uri(configured: str | None, root: Path) -> str:
    """Where runs are recorded: mlflow.yml, else MLFLOW_TRACKING_URI, else mlflow.db at the root."""
    return configured or os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{root}/mlflow.db"


def prepare(uri: str, experiment: str, artifacts: str, tags: dict[str, Any] | None) -> None:
    """Create the store's tables and the experiment, one process at a time.

    Two processes that meet an empty SQLite file at once both migrate it and break it.
    """
    if not uri.startswith("sqlite:///"):
        return
    path = Path(uri.removeprefix("sqlite:///"))
    path.parent.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(f"{path}.lock"):
        if not path.exists():
            _LOG.info("Creating the store of tracked runs, %s", path)
        client = MlflowClient(tracking_uri=uri)
        if client.get_experiment_by_name(experiment) is None:
            client.create_experiment(experiment, artifact_location=artifacts, tags=tags)


def served_student(registry: Callable[[], StudentRegistry]) -> tuple[str, str, str | None]:
    """The store's address, the model's name and its champion, if it has one.

    Args:
        registry: loads it; within a run that registers the shipped student where that is missing.
    """
    found = registry()
    if found.champion() is None:
        with mlflow.start_run(run_name=SHIPPED):
            found = registry()
    return mlflow.get_tracking_uri(), found.name, found.champion()


def servers_choice(tracking: dict[str, Any]) -> dict[str, Any]:
    """mlflow.yml's `tracking` without a place for artifacts: a server has its own.

    A folder of this machine would be nowhere for the server's other users. The project's own store
    has got its folder by `prepare` before.
    """
    experiment = tracking["experiment"]
    created = {k: v for k, v in experiment["create_experiment_kwargs"].items() if k != _ARTIFACTS}
    return {**tracking, "experiment": {**experiment, "create_experiment_kwargs": created}}


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def close_abandoned(client: MlflowClient, experiment_id: str, host: str) -> None:
    """Mark runs as killed whose process on this host is gone: nothing could end them."""
    running = client.search_runs(
        [experiment_id], f"attributes.status = 'RUNNING' and tags.`process.host` = '{host}'"
    )
    for run in running:
        if not _alive(int(run.data.tags["process.id"])):
            client.set_terminated(run.info.run_id, RunStatus.to_string(RunStatus.KILLED))
