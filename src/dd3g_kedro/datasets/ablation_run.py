"""A row of the ablations: its files, and a tracked run of its own beside the pipeline's."""

from __future__ import annotations

import atexit
import json
import os
import platform
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kedro.io import AbstractDataset

from dd3g_kedro.core.files import written_whole
from dd3g_kedro.datasets.step_log import StepLog, StepLogDataset

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

    from dd3g_kedro.ablation.results import RowResult

_NOTE, _STEPS = "run.json", "steps.jsonl"
_FINGERPRINT = "dd3g.fingerprint"  # tag of a run that has its results
_BATCH = 100  # parameters that MLflow takes at once
_COPIED = ("git.commit", "git.dirty", "dvc.lock.md5", "kedro.env")  # from the pipeline's own run


def _noted_run(folder: Path, uri: str, client: MlflowClient) -> Any | None:
    """The run that `folder` speaks of, if this store has it."""
    from mlflow.exceptions import MlflowException

    note = folder / _NOTE
    if not note.is_file():
        return None
    told = json.loads(note.read_text())
    try:
        return client.get_run(told["run_id"]) if told["tracking_uri"] == uri else None
    except MlflowException:
        return None  # deleted, or of a store that was made anew


def open_run(folder: Path) -> tuple[str, str] | None:
    """Tracking URI and id of the run that tracks the training in `folder`; None without tracking.

    It is a run of its own, not nested, in the experiment of the pipeline's own run, which is
    neither changed nor left. An interrupted training goes on in its run.
    """
    mlflow = sys.modules.get("mlflow")
    if mlflow is None or (active := mlflow.active_run()) is None:
        return None
    uri = mlflow.get_tracking_uri()
    client = mlflow.MlflowClient(uri)
    alive = {"process.id": str(os.getpid()), "process.host": platform.node()}
    run = _noted_run(folder, uri, client)
    if run is not None and _FINGERPRINT not in run.data.tags:
        client.update_run(run.info.run_id, status="RUNNING")
        for key, value in alive.items():
            client.set_tag(run.info.run_id, key, value)
        return uri, run.info.run_id
    copied = {key: active.data.tags[key] for key in _COPIED if key in active.data.tags}
    made = client.create_run(
        active.info.experiment_id,
        run_name=folder.name,
        tags={"dd3g.row": folder.name, **copied, **alive},
    )
    told = {"run_id": made.info.run_id, "tracking_uri": uri}
    with written_whole(folder / _NOTE) as partial:
        partial.write_text(json.dumps(told, indent=2) + "\n")
    return uri, made.info.run_id


def _origin(document: dict[str, Any]) -> dict[str, Any]:
    """Columns that tell runs of other protocols and data apart; as far as the result has them."""
    protocol, training = document["protocol"], document["training"]
    told = {"protocol.id": protocol["id"], "protocol.digest": protocol["digest"]}
    known = ("quadruples", "data", "teacher", "common")
    return told | {key: training[key] for key in known if key in training}


def record_run(folder: Path, result: RowResult) -> None:
    """Put a row's settings, numbers and pictures into its tracked run and end it.

    A run that has them already is left alone; other numbers make another run.
    """
    mlflow = sys.modules.get("mlflow")
    if mlflow is None or mlflow.active_run() is None:
        return
    from mlflow.entities import Metric, Param, RunTag

    from dd3g_kedro.ablation.results import DOCUMENT, SHEET, columns

    uri = mlflow.get_tracking_uri()
    client, document = mlflow.MlflowClient(uri), result.document
    noted = _noted_run(folder, uri, client)
    if noted is not None and noted.data.tags.get(_FINGERPRINT) == result.fingerprint:
        return
    found = open_run(folder)
    if found is None:
        return
    run = found[1]
    untold = noted is None or noted.info.run_id != run  # trained untracked, or measured anew
    if untold and (folder / _STEPS).is_file():
        steps = RowLog(folder / _STEPS)
        steps.begin(sys.maxsize, list(steps.records()))
    named = {key: document[key] for key in ("row", "table", "label")}
    told = named | _origin(document) | columns(document["settings"])
    params = [Param(key, str(value)) for key, value in told.items()]
    for first in range(0, len(params), _BATCH):
        client.log_batch(run, params=params[first : first + _BATCH])
    now = int(time.time() * 1000)
    training = {k: v for k, v in document["training"].items() if isinstance(v, int | float)}
    numbers = document["metrics"] | {f"training.{key}": value for key, value in training.items()}
    tags = {
        "dd3g.ablation": document["table"],
        "dd3g.device": document["training"]["device"],
        "mlflow.note.content": document["label"],
        _FINGERPRINT: result.fingerprint,
    }
    if result.document.get("same_as"):
        tags["dd3g.same_as"] = result.document["same_as"]
    for name in (DOCUMENT, SHEET):
        if (folder / name).is_file():
            client.log_artifact(run, str(folder / name))
    client.log_batch(
        run,
        metrics=[Metric(key, float(value), now, 0) for key, value in numbers.items()],
        tags=[RunTag(key, str(value)) for key, value in tags.items()],
    )
    client.set_terminated(run)


class RowLog(StepLog):
    """A row's steps; they go to the row's run, never to the pipeline's."""

    def begin(self, first: int, reports: Sequence[Mapping[str, Any]]) -> None:
        """As a step log does; a training that starts anew gets a run of its own."""
        if first == 0:
            (self._path.parent / _NOTE).unlink(missing_ok=True)
            self._run = None
        super().begin(first, reports)

    def _tracked_run(self) -> tuple[str, str] | None:
        if self._run is None:
            self._run = open_run(self._path.parent)
            if self._run is not None:
                atexit.register(self.flush)
        return self._run


class RowLogDataset(StepLogDataset):
    """The steps of a row, JSON lines, in the folder of its result."""

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        """Take the file."""
        super().__init__(filepath=filepath, metadata=metadata)
        self._log = RowLog(self._filepath)


class RowResultDataset(AbstractDataset["RowResult", "RowResult | None"]):
    """A row's result.json and sheet.png in a folder; saving tracks it as a run."""

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        """Take the folder."""
        self._filepath = Path(filepath)
        self.may_be_missing = True  # a row that was not run has no result
        self.metadata = metadata

    def load(self) -> RowResult | None:
        """Read it; None where the row has none yet."""
        from dd3g_kedro.ablation.results import read_result

        return read_result(self._filepath)

    def save(self, data: RowResult) -> None:
        """Write the files, then the run."""
        from dd3g_kedro.ablation.results import write_result

        write_result(self._filepath, data)
        if data.trained:
            record_run(self._filepath, data)
        self._record_same(data)

    def _record_same(self, data: RowResult) -> None:
        """A row that is another one has that one's run again, whichever is saved first."""
        from dd3g_kedro.ablation.results import as_row, read_result

        rows = self._filepath.parent
        if other := data.document.get("same_as"):
            numbers = read_result(rows / other)
            if numbers is not None and numbers.trained:
                record_run(self._filepath, as_row(data, numbers))
            return
        for path in sorted(rows.glob("*/result.json")) if data.trained else []:
            same = read_result(path.parent)
            if same is not None and same.document.get("same_as") == data.document["row"]:
                record_run(path.parent, as_row(same, data))

    def _exists(self) -> bool:
        return (self._filepath / "result.json").is_file()

    def _describe(self) -> dict[str, str]:
        return {"filepath": str(self._filepath)}
