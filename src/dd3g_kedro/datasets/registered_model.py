"""The student as a registered model: each training makes a version, one version serves."""

from __future__ import annotations

import hashlib
import json
import logging
import sys
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kedro.io import AbstractDataset, DatasetError

from dd3g_kedro.datasets.student_registry import (
    FINGERPRINT,
    SHIPPED,
    StudentRegistry,
    alone_in_store,
)
from dd3g_kedro.registry.release import StudentRelease

if TYPE_CHECKING:
    from mlflow.entities import Run

_LOG = logging.getLogger(__name__)
_PACKAGE = Path(__file__).parents[1]
# MLflow copies a run's numbers of the model's step to the model: by default those of step 0, which
# are no finished student's, and where two of them have come at once it fails.
_NO_STEP = -1
_REQUIREMENTS = (
    "mlflow", "torch", "diffusers", "transformers", "safetensors", "numpy", "pillow", "einops",
    "jaxtyping", "scipy",
)  # fmt: skip


def fingerprint(weights: Path) -> str:
    """SHA-256 of a weights file: ties a registered version to its evaluation."""
    with weights.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _active_run() -> Run | None:
    """The tracked run, if this process has one; MLflow is not imported to find out."""
    mlflow = sys.modules.get("mlflow")
    return mlflow.active_run() if mlflow else None


class RegisteredModelDataset(AbstractDataset[StudentRelease, StudentRegistry]):
    """Saving registers a version in the tracked run; loading gives the registry.

    The weights that come with the project are registered first, with the evaluation that comes
    with them; they are the champion until a better student is promoted. Without a tracked run
    nothing is registered, and the log says so.
    """

    may_be_missing = True

    def __init__(
        self, *, name: str, shipped: str | None = None, metadata: dict[str, Any] | None = None
    ) -> None:
        """Take the registered model's name.

        `shipped` is a folder of student.safetensors, MODEL_CARD.md and metrics.json; it may be
        missing.
        """
        self._name = name
        self._shipped = Path(shipped) if shipped else None
        self.metadata = metadata

    def load(self) -> StudentRegistry:
        """The registry of the store where this run is tracked.

        Raises:
            DatasetError: MLflow is not installed.
        """
        registry = self._registry()
        if _active_run() is not None:
            with alone_in_store():
                self._register_shipped(registry)
        return registry

    def save(self, data: StudentRelease) -> None:
        """Register the weights with their card, their metrics and their fingerprint, once.

        Raises:
            DatasetError: the store takes no version; the weights are kept where they are.
        """
        if _active_run() is None:
            _LOG.info("%s: tracking is off, so no version is registered", data.weights)
            return
        registry = self._registry()
        with alone_in_store():
            self._register_shipped(registry)
            known = registry.found(fingerprint(data.weights))
            if known is None:
                self._register(data)
            else:
                _LOG.info("%s version %s has these weights already", self._name, known)

    def _registry(self) -> StudentRegistry:
        try:
            from mlflow.tracking import MlflowClient
        except ModuleNotFoundError:
            raise DatasetError(
                f"model registry, {self._name}: it is kept by MLflow, which is not installed here. "
                "Install it (`pip install mlflow kedro-mlflow`) and give the same command again."
            ) from None
        return StudentRegistry(MlflowClient(), self._name)

    def _register_shipped(self, registry: StudentRegistry) -> None:
        weights = self._shipped / "student.safetensors" if self._shipped else None
        if weights is None or not weights.is_file() or registry.found(fingerprint(weights)):
            return
        card, metrics = weights.with_name("MODEL_CARD.md"), weights.with_name("metrics.json")
        try:
            release = StudentRelease(
                weights=weights,
                card=card.read_text(),
                evaluation=json.loads(metrics.read_text()),
            )
        except (OSError, ValueError) as error:
            raise DatasetError(
                f"{weights.parent}: expected MODEL_CARD.md and metrics.json beside the shipped "
                f"weights, but {error}. Restore them (`git checkout {weights.parent}`)."
            ) from error
        made = self._register_in_a_run_of_its_own(release)
        if registry.champion() is None:
            registry.promote(made)
            _LOG.info("%s version %s, as shipped, is the champion", self._name, made)

    def _register_in_a_run_of_its_own(self, release: StudentRelease) -> str:
        """What came with the project is not the work of the run that happens to be the first."""
        import mlflow

        active = mlflow.active_run()
        if active is None or active.info.run_name == SHIPPED:
            return self._register(release)
        run = mlflow.MlflowClient().create_run(active.info.experiment_id, run_name=SHIPPED)
        with mlflow.start_run(run.info.run_id, nested=True):
            return self._register(release)

    def _register(self, data: StudentRelease) -> str:
        from mlflow.exceptions import MlflowException

        try:
            made = self._version(data)
        except MlflowException as error:
            raise DatasetError(
                f"model registry, {self._name}: the store takes no version of {data.weights}: "
                f"{str(error).splitlines()[0]}. The weights are kept in that file; look at the "
                "store, then give the same command again: nothing is trained again."
            ) from error
        _LOG.info("Registered %s version %s", self._name, made)
        return made

    def _version(self, data: StudentRelease) -> str:
        import mlflow

        logged = mlflow.pyfunc.log_model(
            name="student",
            python_model=str(_PACKAGE / "serving.py"),
            artifacts={"student": str(data.weights)},
            code_paths=[str(_PACKAGE)],
            pip_requirements=[f"{name}=={installed_version(name)}" for name in _REQUIREMENTS],
            registered_model_name=self._name,
            step=_NO_STEP,
        )
        client, made = mlflow.MlflowClient(), str(logged.registered_model_version)
        client.update_model_version(self._name, made, description=data.card)
        numbers = {f"training.{key}": value for key, value in data.metrics.items()}
        mlflow.log_metrics(numbers, model_id=logged.model_id)
        tags = {FINGERPRINT: fingerprint(data.weights)}
        tags |= {key: f"{value:.6g}" for key, value in numbers.items()}
        for key, value in tags.items():
            client.set_model_version_tag(self._name, made, key, value)
        if data.evaluation is not None:
            self._registry().record_evaluation(made, dict(data.evaluation))
        return made

    def _exists(self) -> bool:
        return False  # every training registers anew

    def _describe(self) -> dict[str, str]:
        return {"name": self._name}
