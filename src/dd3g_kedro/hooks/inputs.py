"""A run whose inputs are not there stops before its first node."""

from __future__ import annotations

from typing import Any

from kedro.framework.hooks import hook_impl
from kedro.io import DataCatalog, DatasetError
from kedro.pipeline import Pipeline


def makers(name: str, pipelines: dict[str, Pipeline]) -> list[str]:
    """The pipelines that write a dataset."""
    return [
        pipeline
        for pipeline, nodes in pipelines.items()
        if pipeline != "__default__" and name in nodes.all_outputs()
    ]


def _advice(name: str, dataset: object) -> str:
    """What to do about a missing dataset: the catalog's own words (`metadata.missing`) first."""
    from kedro.framework.project import pipelines

    told = (getattr(dataset, "metadata", None) or {}).get("missing")
    if told:
        return str(told)
    made_by = makers(name, dict(pipelines))
    run = f", or make it with `kedro run --pipelines={made_by[0]}`" if made_by else ""
    return f"Fetch it with `dvc pull`{run}"


class PresentInputs:
    """Look for every stored input of the pipeline before anything is computed.

    A dataset that makes its own file, or can do without, says so: `may_be_missing = True`.
    """

    @hook_impl(tryfirst=True)
    def before_pipeline_run(
        self, run_params: dict[str, Any], pipeline: Pipeline, catalog: DataCatalog
    ) -> None:
        """Check what the pipeline reads and does not make itself.

        Raises:
            DatasetError: naming the catalog entry, its place and what makes it.
        """
        found_nothing = []
        for name in sorted(
            n for n in pipeline.inputs() if not n.startswith(("params:", "parameters"))
        ):
            if name not in catalog:
                raise DatasetError(f"{name} is not in the catalog (conf/base/catalog_*.yml)")
            dataset = catalog.get(name)
            if getattr(dataset, "may_be_missing", False) or catalog.exists(name):
                continue
            place = getattr(dataset, "_filepath", None) or "its place"
            advice = _advice(name, dataset)
            found_nothing.append(f"{name}: expected at {place}, found nothing. {advice}.")
        if found_nothing:
            environment = run_params["env"] or "base"
            raise DatasetError(f"Missing in environment {environment}: {' '.join(found_nothing)}")
