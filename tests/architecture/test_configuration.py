from __future__ import annotations

import dataclasses
import inspect
from pathlib import Path
from typing import get_type_hints

import pytest
import yaml
from kedro.pipeline import Pipeline
from kedro.validation import TypeExtractor
from kedro.validation.utils import resolve_nested_dict_path

from dd3g_kedro.core.config_building import build
from dd3g_kedro.hooks.parameters import unknown_keys


def test_every_pipelines_parameters_resolve(settled):
    """A bare object stands for what is absent, which `hooks.parameters` relies on."""
    assert type(resolve_nested_dict_path(settled.parameters, "no.such.key")) is object
    for name in settled.pipelines:
        for key in settled.consumed(name):
            found = resolve_nested_dict_path(settled.parameters, key)
            assert type(found) is not object, (name, key)


def test_typed_parameters_build(settled):
    types = TypeExtractor(settled.pipelines).extract_types_from_pipelines()
    for key, cls in types.items():
        assert build(cls, resolve_nested_dict_path(settled.parameters, key), key) is not None


def test_no_parameter_is_without_a_reader(settled):
    consumed = set().union(*(settled.consumed(name) for name in settled.pipelines))
    assert list(unknown_keys(settled.parameters, consumed)) == []


def test_mappings_arrive_as_dataclasses(settled):
    """A bare dictionary would let a misspelt key become a default."""
    types = TypeExtractor(settled.pipelines).extract_types_from_pipelines()
    for name in settled.pipelines:
        for key in settled.consumed(name):
            value = resolve_nested_dict_path(settled.parameters, key)
            assert not isinstance(value, dict) or key in types, (name, key)


def test_nodes_annotations_resolve(registered: dict[str, Pipeline]):
    """Kedro passes over a node whose annotations do not resolve, and its parameters unchecked."""
    for node in registered["__default__"].nodes:
        assert get_type_hints(node.func).keys() >= set(inspect.signature(node.func).parameters)
    for pipeline in registered.values():
        for node in pipeline.nodes:
            get_type_hints(node.func)
            assert "parameters" not in node.inputs, node.name


def test_every_dataset_has_its_catalog_entry_and_every_entry_its_reader(settled):
    pipelines = settled.pipelines.values()
    stored = {n for p in pipelines for n in p.inputs() | p.outputs() if not n.startswith("param")}
    assert stored - set(settled.catalog) == set()
    named = {n for p in pipelines for n in p.datasets()}
    entries = {n for n in settled.catalog if not n.startswith("_") and "{" not in n}
    assert entries - named == set()


def test_every_file_lies_in_the_environments_own_data_folder(settled):
    folder = {"base": "data/0", "smoke": "data/smoke/0", "paper": "data/paper/0"}
    for name, entry in settled.catalog.items():
        path = entry.get("filepath") if isinstance(entry, dict) else None
        assert path is None or path.startswith(folder[settled.environment]), (name, path)


@pytest.mark.parametrize("environment", ["base", "smoke", "paper"])
def test_parameter_files_hold_plain_literals(project: Path, environment: str):
    """DVC reads them itself and would record an interpolation as text."""
    for path in (project / "conf" / environment).glob("parameters*.yml"):
        assert "${" not in path.read_text(), path
        assert isinstance(yaml.safe_load(path.read_text()), dict), path


def test_a_key_is_set_in_one_file_of_an_environment(project: Path):
    for folder in ("base", "smoke", "paper"):
        owners: dict[str, str] = {}
        for path in sorted((project / "conf" / folder).glob("parameters*.yml")):
            for key in yaml.safe_load(path.read_text()) or {}:
                assert key not in owners, f"{key} in {owners[key]} and {path.name}"
                owners[key] = path.name


def test_configurations_are_frozen(registered: dict[str, Pipeline]):
    for cls in TypeExtractor(registered).extract_types_from_pipelines().values():
        assert dataclasses.is_dataclass(cls)
        assert cls.__dataclass_params__.frozen, cls  # type: ignore[attr-defined]


def test_no_preview_is_asked_of_a_table_whose_cells_may_be_arrays(settled):
    """Kedro-Viz cannot serialise them; `make smoke` builds its page with all data there."""
    for name, entry in settled.catalog.items():
        if entry.get("type") == "pandas.ParquetDataset":
            assert entry["metadata"]["kedro-viz"] == {"preview": False}, name
