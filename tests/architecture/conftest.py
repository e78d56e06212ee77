"""The project's graph of imports, its pipelines, catalogs and stages."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import grimp
import pytest
import yaml
from kedro.config import OmegaConfigLoader
from kedro.framework.startup import bootstrap_project
from kedro.io import CatalogConfigResolver
from kedro.pipeline import Pipeline
from kedro.validation.utils import resolve_nested_dict_path

SOURCE = "src/dd3g_kedro"


@dataclass(frozen=True)
class Project:
    """What the repository says about itself, in one environment."""

    root: Path
    environment: str
    pipelines: dict[str, Pipeline]
    graph: grimp.ImportGraph
    catalog: dict[str, Any]
    parameters: dict[str, Any]

    def entry(self, name: str) -> dict[str, Any]:
        """A dataset's catalog entry."""
        return self.catalog[name]

    def dataset_class(self, name: str) -> type:
        module, _, cls = self.entry(name)["type"].rpartition(".")
        known = module if module.startswith("dd3g_kedro") else f"kedro_datasets.{module}"
        return getattr(import_module(known), cls)

    def stored(self, names: set[str]) -> set[str]:
        """The paths of datasets that are files and take part in the flow."""
        paths = set()
        for name in names:
            if name.startswith("param") or "filepath" not in self.catalog.get(name, {}):
                continue
            entry = self.entry(name)
            live = getattr(self.dataset_class(name), "tracked_live", False)
            present = self._shipped(entry["filepath"]) or self._filled(entry["filepath"])
            absent = entry.get("optional", False) and not present
            if not live and not absent and not entry.get("create", False):
                paths.add(entry["filepath"])
        return paths

    def written(self, names: set[str]) -> set[str]:
        """The same, and what lies elsewhere."""
        beside = {self.catalog.get(name, {}).get("weights") for name in names}
        return self.stored(names) | {path for path in beside if path}

    def _shipped(self, path: str) -> bool:
        """Whether the repository points to a path, or to a folder that holds it."""
        places = [path, *(parent.as_posix() for parent in Path(path).parents)]
        return any((self.root / f"{place}.dvc").is_file() for place in places)

    def _filled(self, path: str) -> bool:
        """Whether a pipeline writes files into a folder that another one reads whole."""
        outputs = set().union(*(pipeline.all_outputs() for pipeline in self.pipelines.values()))
        written = {str(self.catalog.get(name, {}).get("filepath", "")) for name in outputs}
        return any(place.startswith(f"{path}/") for place in written)

    def read_by(self, nodes: Pipeline) -> set[str]:
        """The paths that a pipeline reads: its datasets, and what its parameters name."""
        made = set().union(*(self.stored(p.all_outputs()) for p in self.pipelines.values()))
        named = set()
        for key in self.consumed(nodes):
            for text in _texts(resolve_nested_dict_path(self.parameters, key)):
                named |= {out for out in made if text == out or text.startswith(f"{out}/")}
        return (self.stored(nodes.inputs()) | named) - self.stored(nodes.all_outputs())

    def code_of(self, pipeline: str) -> set[str]:
        """The rooms that a pipeline and the datasets it touches import, however indirectly."""
        modules = {f"dd3g_kedro.pipelines.{pipeline}"}
        for name in self.pipelines[pipeline].datasets():
            entry = dict(self.catalog.get(name, {}))
            if name not in self.pipelines[pipeline].all_outputs():
                entry.pop("validator", None)  # validators judge what is saved
            text = str(entry)
            modules |= {m.rpartition(".")[0] for m in re.findall(r"dd3g_kedro\.[\w.]+", text)}
        reached: set[str] = set()
        for module in modules & self.graph.modules:
            within = {module} | self.graph.find_descendants(module)
            for one in within:
                reached |= {one} | self.graph.find_upstream_modules(one)
        return {path for module in reached if (path := self._room(module))}

    def _room(self, module: str) -> str | None:
        """Where a module's room lies: a folder (of the core one deeper), or a file."""
        parts = module.split(".")
        if parts[0] != "dd3g_kedro" or len(parts) < 3:
            return None
        depth = 3 if parts[1] in ("core", "datasets", "pipelines") else 2
        inside = SOURCE + "/" + "/".join(parts[1:depth])
        return inside if (self.root / inside).is_dir() else f"{inside}.py"

    def consumed(self, pipeline: str | Pipeline) -> set[str]:
        """The parameters that a pipeline takes."""
        nodes = self.pipelines[pipeline] if isinstance(pipeline, str) else pipeline
        names = nodes.inputs()
        return {n.removeprefix("params:") for n in names if n.startswith("params:")}

    def parameter_files(self, pipeline: Pipeline) -> dict[str, set[str]]:
        """Which file gives which of a pipeline's parameters, in the base and over it."""
        folders = ["base"] if self.environment == "base" else ["base", self.environment]
        found: dict[str, set[str]] = {}
        for folder in folders:
            for path in sorted((self.root / "conf" / folder).glob("parameters*.yml")):
                keys = set(yaml.safe_load(path.read_text()) or {})
                taken = {key for key in self.consumed(pipeline) if key.split(".")[0] in keys}
                if taken:
                    found[path.relative_to(self.root).as_posix()] = taken
        return found


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _texts(inner)


@pytest.fixture(scope="session", autouse=True)
def in_project(project: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(project)
    yield
    os.chdir(before)


@pytest.fixture(scope="session")
def graph(project: Path) -> grimp.ImportGraph:
    return grimp.build_graph("dd3g_kedro", include_external_packages=True, cache_dir=None)


@pytest.fixture(scope="session")
def registered(project: Path) -> dict[str, Pipeline]:
    bootstrap_project(project)
    from dd3g_kedro.pipeline_registry import register_pipelines

    return register_pipelines()


def described(
    root: Path, environment: str, registered: dict[str, Pipeline], graph: grimp.ImportGraph
) -> Project:
    """As `kedro run --env` would see it, without anyone's own conf/local."""
    from dd3g_kedro.settings import CONFIG_LOADER_ARGS

    loader = OmegaConfigLoader(
        str(root / "conf"), env=environment, **CONFIG_LOADER_ARGS | {"default_run_env": "base"}
    )
    catalog = with_factories(dict(loader["catalog"]), registered)
    return Project(root, environment, registered, graph, catalog, dict(loader["parameters"]))


def with_factories(catalog: dict[str, Any], registered: dict[str, Pipeline]) -> dict[str, Any]:
    """The catalog with an entry for each dataset that a pattern such as `{row}.result` makes."""
    resolver = CatalogConfigResolver(catalog)
    named = {name for pipeline in registered.values() for name in pipeline.datasets()}
    made = {name for name in named - set(catalog) if resolver.match_dataset_pattern(name)}
    return catalog | {name: resolver.resolve_pattern(name) for name in made}


@pytest.fixture(scope="session")
def base(project: Path, registered: dict[str, Pipeline], graph: grimp.ImportGraph) -> Project:
    return described(project, "base", registered, graph)


@pytest.fixture(scope="session")
def smoke(project: Path, registered: dict[str, Pipeline], graph: grimp.ImportGraph) -> Project:
    return described(project, "smoke", registered, graph)


@pytest.fixture(scope="session")
def gpu(project: Path, registered: dict[str, Pipeline], graph: grimp.ImportGraph) -> Project:
    return described(project, "gpu", registered, graph)


@pytest.fixture(scope="session", params=("base", "smoke", "paper"))
def settled(
    request: pytest.FixtureRequest,
    project: Path,
    registered: dict[str, Pipeline],
    graph: grimp.ImportGraph,
) -> Project:
    return described(project, request.param, registered, graph)
