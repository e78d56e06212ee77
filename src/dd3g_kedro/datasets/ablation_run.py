"""A row of the ablations: its files, and its numbers in the tracked run."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kedro.io import AbstractDataset

from dd3g_kedro.datasets.step_log import StepLog, StepLogDataset

if TYPE_CHECKING:
    from dd3g_kedro.ablation.results import RowResult

ROW_TAG = "dd3g.row"  # of a run that is one row's and no other's
_BATCH = 100  # parameters that MLflow takes at once


def _prefix(run: tuple[str, str], row: str) -> str:
    """`row.` before the names of numbers, in a run that holds several rows."""
    from mlflow.tracking import MlflowClient

    alone = MlflowClient(run[0]).get_run(run[1]).data.tags.get(ROW_TAG) == row
    return "" if alone else f"{row}."


def record(result: RowResult, row: str) -> None:
    """Put a row's settings, numbers and picture into the tracked run, if there is one."""
    mlflow = sys.modules.get("mlflow")
    if mlflow is None or (active := mlflow.active_run()) is None:
        return
    from mlflow.entities import Metric, Param

    from dd3g_kedro.ablation.results import columns

    run = (mlflow.get_tracking_uri(), active.info.run_id)
    client, document, prefix = mlflow.MlflowClient(run[0]), result.document, _prefix(run, row)
    told = {key: document[key] for key in ("row", "table", "label")}
    told |= {f"protocol.{key}": value for key, value in document["protocol"].items()}
    told |= {key: document["training"][key] for key in ("data", "teacher", "common")}
    told |= {f"row.{key}": value for key, value in columns(document["settings"]).items()}
    params = [Param(f"{prefix}{key}", str(value)) for key, value in told.items()]
    for first in range(0, len(params), _BATCH):
        client.log_batch(run[1], params=params[first : first + _BATCH])
    training = {k: v for k, v in document["training"].items() if isinstance(v, int | float)}
    numbers = document["metrics"] | {f"training.{key}": value for key, value in training.items()}
    now = int(time.time() * 1000)
    found = [Metric(f"{prefix}{key}", float(value), now, 0) for key, value in numbers.items()]
    client.log_batch(run[1], metrics=found)
    client.log_dict(run[1], document, f"{row}/result.json")
    if result.sheet is not None:
        client.log_image(run[1], result.sheet, artifact_file=f"{row}/sheet.png")


class RowLog(StepLog):
    """A row's steps, under its name where a run holds several rows."""

    def _key(self, key: str, run: tuple[str, str]) -> str:
        if not hasattr(self, "_before"):
            self._before = _prefix(run, self._path.parent.name)
        return f"{self._before}{key}"


class RowLogDataset(StepLogDataset):
    """A row's step log in the row's folder."""

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        """Take the file."""
        super().__init__(filepath=filepath, metadata=metadata)
        self._log = RowLog(self._filepath)


class RowResultDataset(AbstractDataset["RowResult", "RowResult | None"]):
    """A row's result.json and sheet.png in a folder, and its student beside the other models."""

    def __init__(
        self, *, filepath: str, weights: str, metadata: dict[str, Any] | None = None
    ) -> None:
        """Take the folder, and the file of the student."""
        self._filepath = Path(filepath)
        self._weights = Path(weights)
        self.may_be_missing = True  # a row that was not run has no result
        self.metadata = metadata

    def load(self) -> RowResult | None:
        """Read it; None where the row has none yet."""
        from dd3g_kedro.ablation.results import read_result

        return read_result(self._filepath)

    def save(self, data: RowResult) -> None:
        """Write the student, then the numbers."""
        from dd3g_kedro.ablation.results import write_result
        from dd3g_kedro.core.student.weights import save_student

        if data.student is not None:
            save_student(self._weights, data.student)
        write_result(self._filepath, data)
        if data.trained:
            record(data, self._filepath.name)

    def _exists(self) -> bool:
        return (self._filepath / "result.json").is_file()

    def _describe(self) -> dict[str, str]:
        return {"filepath": str(self._filepath), "weights": str(self._weights)}
