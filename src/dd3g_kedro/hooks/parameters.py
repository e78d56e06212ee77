"""Parameters are checked as a whole before anything is loaded or computed."""

from __future__ import annotations

import dataclasses
import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.pipeline import Pipeline

from dd3g_kedro.core.config_building import build, plain

_RUNTIME = re.compile(r"\$\{runtime_params:\s*([\w.]+)")
_BASE, _LOCAL = "base", "local"  # environments: the lowest, and the one that needs no --env


def flatten(config: object, where: str = "") -> dict[str, Any]:
    """Columns such as `distill.learning_rate` from nested dataclasses and mappings."""
    if dataclasses.is_dataclass(config) and not isinstance(config, type):
        config = plain(config)
    if not isinstance(config, Mapping) or not config:
        return {where: config}
    columns: dict[str, Any] = {}
    for key, value in config.items():
        columns |= flatten(value, f"{where}.{key}" if where else str(key))
    return columns


def consumed_keys(pipelines: Iterable[Pipeline]) -> set[str]:
    """The parameters, by dotted key, that some node takes."""
    names = {name for pipeline in pipelines for name in pipeline.inputs()}
    return {name.removeprefix("params:") for name in names if name.startswith("params:")}


def unknown_keys(
    parameters: Mapping[str, Any], consumed: set[str], where: str = ""
) -> Iterator[str]:
    """The dotted keys that no node takes."""
    for key, value in parameters.items():
        path = f"{where}.{key}" if where else str(key)
        if path in consumed:
            continue
        inner = any(name.startswith(f"{path}.") for name in consumed)
        if inner and isinstance(value, Mapping):
            yield from unknown_keys(value, consumed, path)
        else:
            yield path


def interpolated_keys(folders: Iterable[Path]) -> set[str]:
    """The `--params` that catalogs take by themselves: `${runtime_params:images, ...}`."""
    files = [path for folder in folders for path in folder.rglob("*.y*ml")]
    return {key for path in files for key in _RUNTIME.findall(path.read_text())}


def _files_with(key: str, folders: Iterable[Path]) -> list[Path]:
    """The parameter files that set the outermost name of a dotted key."""
    import yaml

    outermost = key.split(".", maxsplit=1)[0]
    return [
        path
        for folder in folders
        for path in sorted(folder.rglob("parameters*.y*ml"))
        if outermost in (yaml.safe_load(path.read_text()) or {})
    ]


def _folders(context: KedroContext) -> list[Path]:
    """The folders of the base and of the environment that lies over it."""
    loader = context.config_loader
    return [Path(loader.conf_source) / name for name in (_BASE, loader.env or _LOCAL)]


class CheckedParameters:
    """Stop before the run where a parameter is unknown, missing or out of its range.

    Kedro checks only the outermost dataclass of the pipelines that were asked for, and lets
    a misspelt key that no node takes pass; here every key of every parameter file must be taken by
    a registered pipeline, and every typed parameter must build.
    """

    @hook_impl(tryfirst=True)
    def after_context_created(self, context: KedroContext) -> None:
        """Check the merged parameters of this environment.

        Raises:
            ValueError: naming the key and the files that set it.
        """
        from kedro.config import MissingConfigException
        from kedro.framework.project import pipelines

        try:
            parameters = context.config_loader["parameters"]
        except MissingConfigException:
            return
        registered = dict(pipelines)
        consumed = consumed_keys(registered.values()) | interpolated_keys(_folders(context))
        for key in unknown_keys(parameters, consumed):
            near = difflib.get_close_matches(key, consumed, n=1, cutoff=0.5)
            hint = f"did you mean {near[0]}?" if near else "remove it"
            raise ValueError(
                f"{self._origin(context, key)}: {key} is not a known parameter; {hint}"
            )
        self._check_types(context, parameters, registered)

    def _check_types(
        self, context: KedroContext, parameters: dict[str, Any], registered: dict[str, Pipeline]
    ) -> None:
        from kedro.validation import TypeExtractor
        from kedro.validation.utils import resolve_nested_dict_path

        expected = TypeExtractor(registered).extract_types_from_pipelines()
        for key, config in expected.items():
            value = resolve_nested_dict_path(parameters, key)
            absent = type(value) is object  # no parameter file holds a bare one: Kedro's sentinel
            if absent or not dataclasses.is_dataclass(config):
                continue
            try:
                build(config, value, key)
            except (TypeError, ValueError) as error:
                raise ValueError(f"{self._origin(context, key)}: {error}") from error

    def _origin(self, context: KedroContext, key: str) -> str:
        """Where a person set the key, relative to the project."""
        loader = context.config_loader
        project = Path(loader.conf_source).parent
        names = [str(path.relative_to(project)) for path in _files_with(key, _folders(context))]
        if key.split(".", maxsplit=1)[0] in (loader.runtime_params or {}):
            names.append("--params")
        return " and ".join(names) or "parameters"
