"""The registered versions of the student in MLflow's model registry."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from kedro.io import DatasetError

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion
    from mlflow.tracking import MlflowClient

_CHAMPION = "champion"
FINGERPRINT = "student_fingerprint"  # tag of a version, key of metrics.json
_EVALUATION = "evaluation"
SHIPPED = "shipped student"  # the run that registers what came with the project


@contextmanager
def alone_in_store() -> Iterator[None]:
    """Keep other processes of this machine out of an SQLite store; a server sees to that itself."""
    import filelock
    import mlflow

    uri = mlflow.get_tracking_uri()
    if not uri.startswith("sqlite:///"):
        yield
        return
    with filelock.FileLock(f"{uri.removeprefix('sqlite:///')}.lock"):
        yield


class StudentRegistry:
    """Versions, their weights' fingerprints and evaluations, and which one serves."""

    def __init__(self, client: MlflowClient, name: str) -> None:
        self._client = client
        self.name = name

    def _versions(self) -> list[ModelVersion]:
        return list(self._client.search_model_versions(f"name = '{self.name}'"))

    def found(self, fingerprint: str) -> str | None:
        """The newest version that has the weights with this SHA-256, if one has."""
        numbers = [
            int(v.version) for v in self._versions() if v.tags.get(FINGERPRINT) == fingerprint
        ]
        return str(max(numbers)) if numbers else None

    def version_of(self, fingerprint: str) -> str:
        """The newest version that holds the weights with this SHA-256.

        Raises:
            DatasetError: no version does.
        """
        found = self.found(fingerprint)
        if found is None:
            raise DatasetError(
                f"model registry, {self.name}: expected a version with {FINGERPRINT} "
                f"{fingerprint}, found none among {len(self._versions())}. The evaluated student "
                "was not trained with tracking on: run `kedro run --pipelines=distill`, then "
                "evaluate it."
            )
        return found

    def champion(self) -> str | None:
        """The version with the alias `champion`."""
        for version in self._versions():
            model = self._client.get_registered_model(version.name)
            return str(model.aliases[_CHAMPION]) if _CHAMPION in model.aliases else None
        return None

    def evaluation(self, version: str) -> dict[str, Any] | None:
        """The metrics that `record_evaluation` kept."""
        text = self._client.get_model_version(self.name, version).tags.get(_EVALUATION)
        return json.loads(text) if text else None

    def record_evaluation(self, version: str, metrics: dict[str, Any]) -> None:
        """Keep the metrics as the version's tag; a tag holds 5,000 characters.

        Where all do not fit, the methods that the student was compared with are left out.
        """
        kept = {key: value for key, value in metrics.items() if not isinstance(value, list)}
        text = json.dumps(kept, sort_keys=True)
        if len(text) > 5000:
            own = ("protocol", "student")
            kept = {k: v for k, v in kept.items() if k in own or not isinstance(v, dict)}
            text = json.dumps(kept, sort_keys=True)
        if len(text) > 5000:
            raise DatasetError(
                f"metrics.json: {len(text)} characters do not fit into a version's tag (5,000)."
                " Keep per-object numbers out of it."
            )
        self._client.set_model_version_tag(self.name, version, _EVALUATION, text)

    def promote(self, version: str) -> None:
        """Move the alias `champion`."""
        self._client.set_registered_model_alias(self.name, _CHAMPION, version)
