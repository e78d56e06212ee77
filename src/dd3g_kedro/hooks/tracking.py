"""Each `kedro run` is one flat MLflow run: parameters, code, data, machine, results."""

from __future__ import annotations

import atexit
import json
import logging
import os
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import mlflow
from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.framework.project import pipelines
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node
from kedro_mlflow.framework.hooks.mlflow_hook import MlflowHook
from mlflow.entities import Param, RunStatus
from mlflow.utils.validation import MAX_PARAM_VAL_LENGTH, MAX_PARAMS_TAGS_PER_BATCH

from dd3g_kedro.core.files import written_whole
from dd3g_kedro.datasets.ablation_run import ROW_TAG
from dd3g_kedro.hooks import provenance, store
from dd3g_kedro.hooks.parameters import flatten

# kedro-mlflow sets its logger to INFO while it is imported, and tells every step it takes.
logging.getLogger("kedro_mlflow").setLevel(logging.WARNING)
_REPORTS = "08_reporting"
_DEFAULT = "__default__"
_ARTIFACT_AT_MOST = 32 * 2**20  # bytes


def _end_as_killed() -> None:
    """A run that is still open when the interpreter leaves was interrupted."""
    while mlflow.active_run():
        mlflow.end_run(RunStatus.to_string(RunStatus.KILLED))


def _pipelines(run_params: dict[str, Any]) -> str:
    """`sample+distill`; `default` for the run that names none."""
    return "+".join(run_params["pipeline_names"] or [_DEFAULT]).strip("_")


def _namespace(pipeline: Pipeline) -> str | None:
    """The one that all nodes share, such as a row of the ablations."""
    found = {node.namespace for node in pipeline.nodes}
    return found.pop() if len(found) == 1 else None


def _parts(names: Sequence[str] | None) -> list[str]:
    """The pipelines that run, each once; `__default__` counts as its parts."""
    found: list[str] = []
    for name in names or [_DEFAULT]:
        if name != _DEFAULT:
            found.append(name)
            continue
        nodes = set(pipelines[name].nodes)
        found += [part for part, p in pipelines.items() if part != name and set(p.nodes) <= nodes]
    return list(dict.fromkeys(found))


def _stored_at(catalog: DataCatalog, name: str) -> Path | None:
    """The path of a stored dataset, None for memory, live reports and a node's own work folder."""
    dataset = catalog.get(name)
    path = getattr(dataset, "_filepath", None)
    passed_over = getattr(dataset, "tracked_live", False) or getattr(dataset, "_create", False)
    if path is None or passed_over:
        return None
    return Path(path)


class TrackedRun(MlflowHook):
    """kedro-mlflow's hook with what this project wants of it.

    Parameters arrive as columns at the start of the run (kedro-mlflow would log a typed parameter
    as one long string, and only when its node starts); the catalog's datasets are not all built at
    every start; the store is created safely.
    """

    _root: Path
    _env: str
    _data: str  # where this environment keeps its data

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Point MLflow at the project's own store."""
        self._root, self._env = context.project_path, context.env or "base"
        self._data = context.config_loader["globals"]["data"]
        configured = context.config_loader["mlflow"]
        server, experiment = configured["server"], configured["tracking"]["experiment"]
        uri = store.tracking_uri(server.get("mlflow_tracking_uri"), self._root)
        created = experiment["create_experiment_kwargs"]
        artifacts = (self._root / created["artifact_location"]).as_uri()
        store.prepare(uri, experiment["name"], artifacts, created.get("tags"))
        context.config_loader["mlflow"] = {
            **configured,
            "server": {**server, "mlflow_tracking_uri": uri},
            "tracking": store.servers_choice(configured["tracking"]),
        }
        super().after_context_created(context)
        atexit.register(_end_as_killed)  # later than MLflow's own, which would say FINISHED

    def after_catalog_created(self, *_: Any, **__: Any) -> None:
        """Not a hook here: it would build every dataset of the catalog."""

    @hook_impl
    def before_pipeline_run(
        self, run_params: dict[str, Any], pipeline: Pipeline, catalog: DataCatalog
    ) -> None:
        """Open the run and record what it starts from."""
        self._name_run(run_params, pipeline)
        super().before_pipeline_run(run_params, pipeline, catalog)
        if not self._is_mlflow_enabled:
            return
        try:
            self._log_start(pipeline, catalog)
            self._leave_notes(run_params)
        except BaseException:
            mlflow.end_run(RunStatus.to_string(RunStatus.FAILED))
            raise

    @hook_impl
    def before_node_run(
        self, node: Node, catalog: DataCatalog, inputs: dict[str, Any], is_async: bool
    ) -> None:
        """Open the run in the node's thread, if it has one of its own (ThreadRunner)."""
        active = mlflow.active_run()
        if active is None or active.info.run_id != self.run_id:
            others = {name: value for name, value in inputs.items() if ":" not in name}
            super().before_node_run(node, catalog, others, is_async)  # parameters are logged

    @hook_impl
    def after_pipeline_run(
        self, run_params: dict[str, Any], pipeline: Pipeline, catalog: DataCatalog
    ) -> None:
        """Record what came out and close the run."""
        if self._is_mlflow_enabled:
            self._log_results(pipeline, catalog)
        super().after_pipeline_run(run_params, pipeline, catalog)

    @hook_impl
    def on_pipeline_error(
        self, error: Exception, run_params: dict[str, Any], pipeline: Pipeline, catalog: DataCatalog
    ) -> None:
        """Close the run as failed, with the reason."""
        if self._is_mlflow_enabled and mlflow.active_run():
            mlflow.set_tag("error", f"{type(error).__name__}: {error}"[:2000])
        super().on_pipeline_error(error, run_params, pipeline, catalog)

    def _leave_notes(self, run_params: dict[str, Any]) -> None:
        """Tell, beside the reports, which run they come from: before a node reads the notes."""
        run = mlflow.active_run()
        if run is None:
            return
        info = run.info
        note = {"run_id": info.run_id, "run_name": info.run_name}
        for name in _parts(run_params["pipeline_names"]):
            place = self._root / self._data / _REPORTS / "runs" / f"{name}.json"
            with written_whole(place) as partial:
                partial.write_text(json.dumps(note, indent=2) + "\n")

    def _name_run(self, run_params: dict[str, Any], pipeline: Pipeline) -> None:
        """Name the run after its pipelines, a single namespace, and another environment."""
        namespace = _namespace(pipeline)
        suffix = f" {namespace}" if namespace else ""
        suffix += f" ({run_params['env']})" if run_params["env"] else ""
        run = self.mlflow_config.tracking.run
        run.name = run.name or f"{_pipelines(run_params)}{suffix}"

    def _log_start(self, pipeline: Pipeline, catalog: DataCatalog) -> None:
        host = platform.node()
        experiment = self.mlflow_config.tracking.experiment._experiment.experiment_id
        store.close_abandoned(mlflow.MlflowClient(), experiment, host)
        mlflow.set_tags(
            {
                "kedro.env": self._env,
                **({ROW_TAG: row} if (row := _namespace(pipeline)) else {}),
                "process.id": os.getpid(),
                "process.host": host,
                **provenance.code_tags(self._root),
                **self._dataset_tags("input", pipeline.inputs(), catalog),
            }
        )
        self._log_parameters(pipeline, catalog)
        mlflow.log_text(provenance.installed_packages(), "environment/requirements.txt")
        mlflow.log_dict(provenance.machine(), "environment/machine.json")

    def _log_parameters(self, pipeline: Pipeline, catalog: DataCatalog) -> None:
        columns: dict[str, Any] = {}
        for name in sorted(n for n in pipeline.inputs() if n.startswith("params:")):
            columns |= flatten(catalog.load(name), name.removeprefix("params:"))
        logged = [Param(key, str(value)[:MAX_PARAM_VAL_LENGTH]) for key, value in columns.items()]
        client, run = mlflow.MlflowClient(), str(self.run_id)
        for start in range(0, len(logged), MAX_PARAMS_TAGS_PER_BATCH):
            client.log_batch(run, params=logged[start : start + MAX_PARAMS_TAGS_PER_BATCH])

    def _dataset_tags(self, kind: str, names: set[str], catalog: DataCatalog) -> dict[str, str]:
        """`input.quadruples = <md5>`: the content each stored dataset had."""
        tags = {}
        for name in sorted(n for n in names if not n.startswith(("params:", "parameters"))):
            path = _stored_at(catalog, name)
            if path is not None and path.exists():
                tags[f"{kind}.{name}"] = provenance.dataset_id(path, self._root)
        return tags

    def _log_results(self, pipeline: Pipeline, catalog: DataCatalog) -> None:
        """What a pipeline writes under 08_reporting: numbers of JSON as metrics, files whole."""
        outputs = pipeline.all_outputs()
        mlflow.set_tags(self._dataset_tags("output", outputs, catalog))
        for name in sorted(outputs):
            path = _stored_at(catalog, name)
            if path is None or not path.is_file() or _REPORTS not in path.parts:
                continue
            if path.suffix == ".json":
                mlflow.log_metrics(_numbers(json.loads(path.read_text())))
            if path.stat().st_size <= _ARTIFACT_AT_MOST:
                mlflow.log_artifact(str(path), name)


def _numbers(document: object) -> dict[str, float]:
    """The numeric leaves of a JSON document, by dotted key."""
    leaves = flatten(document)
    return {
        key: float(value)
        for key, value in leaves.items()
        if key and isinstance(value, int | float) and not isinstance(value, bool)
    }
