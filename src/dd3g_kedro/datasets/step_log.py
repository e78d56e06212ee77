"""What a training reports while it runs: JSON lines, pictures, and the tracked run, live."""

from __future__ import annotations

import atexit
import json
import logging
import math
import re
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from kedro.io import AbstractDataset
from PIL.Image import Image

from dd3g_kedro.core.files import written_whole

_LOG = logging.getLogger(__name__)
_FLUSH_EVERY = 2.0  # seconds between two calls of the tracker
_BATCH = 1000  # metrics that MLflow takes at once
_PICTURE = re.compile(r"(?P<name>.+)_(?P<step>\d{8})\.png")


class StepLog:
    """Metrics and pictures by step, kept in files first, sent to the tracked run as well.

    A file beside the run's tracker survives a killed process and a tracker that is away; a
    training that goes on brings it back to what its checkpoint has seen.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._unsent: list[tuple[int, float, dict[str, float]]] = []
        self._last_sent = 0.0
        self._run: tuple[str, str] | None = None  # tracking URI, run id

    @property
    def pictures(self) -> Path:
        """The folder of the pictures."""
        return self._path.with_suffix("")

    def records(self) -> Iterator[dict[str, Any]]:
        """The lines so far; a last line that a killed process left unfinished is passed over."""
        if not self._path.exists():
            return
        with self._path.open() as lines:
            for line in lines:
                if line.endswith("\n"):
                    yield json.loads(line)

    def append(self, step: int, metrics: Mapping[str, float]) -> None:
        """Write one line."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a") as lines:
            lines.write(json.dumps(_record(step, **metrics)) + "\n")
        self._unsent.append((step, time.time(), dict(metrics)))
        if time.monotonic() - self._last_sent >= _FLUSH_EVERY:
            self.flush()

    def picture(self, step: int, name: str, image: Image) -> None:
        """Keep a picture as a PNG file and show it in the run."""
        self.pictures.mkdir(parents=True, exist_ok=True)
        with written_whole(self.pictures / f"{name}_{step:08d}.png") as partial:
            image.save(partial, format="PNG")
        run = self._tracked_run()
        if run is not None:
            from mlflow.exceptions import MlflowException
            from mlflow.tracking import MlflowClient

            try:
                MlflowClient(run[0]).log_image(run[1], image, key=name, step=step)
            except (MlflowException, OSError) as error:
                _LOG.warning("the picture %s of step %d is not in the run: %s", name, step, error)

    def begin(self, first: int, reports: Sequence[Mapping[str, Any]]) -> None:
        """Hold what a training that goes on at step `first` has reported, and nothing else.

        The reports are those that its checkpoint keeps, each a `step` with its numbers; a fresh
        training has none. Pictures of later steps are dropped, and all of them where the lines
        were another training's. The tracked run is sent what it has not got.
        """
        records = [_record(**report) for report in reports]
        if [record for record in self.records() if record["step"] < first] != records:
            first = 0
        with written_whole(self._path) as partial:
            partial.write_text("".join(json.dumps(record) + "\n" for record in records))
        for file in self.pictures.glob("*.png"):
            found = _PICTURE.fullmatch(file.name)
            if found and int(found["step"]) >= first:
                file.unlink()
        now, sent = time.time(), self._steps_in_run()
        self._unsent = [
            (record["step"], now, _numbers(record))
            for record in records
            if record["step"] not in sent
        ]
        self.flush()

    def flush(self) -> None:
        """Send what the tracked run has not got yet; without a run only the files are kept."""
        self._last_sent = time.monotonic()
        run = self._tracked_run()
        if run is None or not self._unsent:
            return
        from mlflow.entities import Metric
        from mlflow.exceptions import MlflowException
        from mlflow.tracking import MlflowClient

        points = [
            Metric(self._key(key, run), value, int(when * 1000), step)
            for step, when, metrics in self._unsent
            for key, value in metrics.items()
        ]
        client = MlflowClient(run[0])
        try:
            for start in range(0, len(points), _BATCH):
                client.log_batch(run[1], metrics=points[start : start + _BATCH])
        except MlflowException as error:  # the training is worth more than its chart
            _LOG.warning("metrics are not in the run yet, the next try sends them: %s", error)
            return
        self._unsent.clear()

    def _steps_in_run(self) -> set[int]:
        """What processes that shared this training have sent already."""
        run = self._tracked_run()
        if run is None:
            return set()
        from mlflow.exceptions import MlflowException
        from mlflow.tracking import MlflowClient

        try:
            history = MlflowClient(run[0]).get_metric_history(run[1], self._key("loss", run))
            return {point.step for point in history}
        except MlflowException:
            return set()

    def _key(self, key: str, run: tuple[str, str]) -> str:  # noqa: ARG002, a row's log needs it
        """What a number is called in the run."""
        return key

    def _tracked_run(self) -> tuple[str, str] | None:
        """The run of this process; found once, and carried along to worker processes."""
        mlflow = sys.modules.get("mlflow")
        if self._run is None and mlflow is not None and (active := mlflow.active_run()):
            self._run = (mlflow.get_tracking_uri(), active.info.run_id)
            atexit.register(self.flush)
        return self._run

    def __getstate__(self) -> dict[str, Any]:
        self._tracked_run()
        return self.__dict__ | {"_unsent": []}


def _record(step: int, **metrics: float | None) -> dict[str, Any]:
    """A line; numbers that are not finite are null, for JSON has none."""
    finite = {k: v if v is not None and math.isfinite(v) else None for k, v in metrics.items()}
    return {"step": step} | finite


def _numbers(record: Mapping[str, Any]) -> dict[str, float]:
    return {k: v for k, v in record.items() if k != "step" and v is not None}


class StepLogDataset(AbstractDataset[StepLog, StepLog]):
    """A JSON-lines file, with pictures in the folder of the same name beside it.

    A node takes it as an input, for it is written while the node runs.
    """

    may_be_missing = True  # the node's own reports make it
    tracked_live = True  # nothing is left to record when the run ends

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        """Take the file."""
        self._filepath = Path(filepath)
        self._log = StepLog(self._filepath)
        self.metadata = metadata

    def load(self) -> StepLog:
        """The log, to be written to or read."""
        return self._log

    def save(self, data: StepLog) -> None:
        """Send what is left to send."""
        data.flush()

    def _release(self) -> None:
        self._log.flush()

    def _exists(self) -> bool:
        return self._filepath.exists()

    def _describe(self) -> dict[str, str]:
        return {"filepath": str(self._filepath)}
