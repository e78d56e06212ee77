from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from kedro.pipeline import Node, Pipeline

from dd3g_kedro.hooks.parameters import consumed_keys, flatten, interpolated_keys, unknown_keys


@dataclass(frozen=True)
class Inner:
    rate: float = 0.5
    steps: tuple[int, ...] = (1, 2)


@dataclass(frozen=True)
class Outer:
    name: str = "x"
    inner: Inner = field(default_factory=Inner)


def test_nested_dataclasses_become_dotted_columns():
    assert flatten(Outer(), "distill") == {
        "distill.name": "x",
        "distill.inner.rate": 0.5,
        "distill.inner.steps": [1, 2],
    }


def test_an_empty_mapping_keeps_its_column():
    assert flatten({"a": {}, "b": {"c": None}}) == {"a": {}, "b.c": None}


def test_keys_that_no_node_takes_are_found_at_any_depth():
    nodes = [
        Node(lambda a, b: a, ["params:whole", "params:part.one"], "out", name="node"),
    ]
    consumed = consumed_keys([Pipeline(nodes)])
    parameters = {"whole": {"anything": 1}, "part": {"one": 1, "two": 2}, "stray": 3}
    assert list(unknown_keys(parameters, consumed)) == ["part.two", "stray"]


def test_params_that_a_catalog_takes_are_known(tmp_path: Path):
    (tmp_path / "catalog.yml").write_text('a: "${runtime_params:images, ${globals:x}}/b"')
    assert interpolated_keys([tmp_path]) == {"images"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("promote: {margn: 1.0}\n", "promote.margn"),
        ("promote: {margin: -1.0}\n", "promote.margin must be at least 0, got -1.0"),
        ("promote: {margin: many}\n", "promote.margin must be of type float, got 'many'"),
        ("promot: {margin: 1.0}\n", "promot is not a known parameter; did you mean promote?"),
    ],
)
def test_a_wrong_parameter_stops_the_run_and_names_key_and_file(
    scratch: Path, kedro_here: Callable[..., Any], text: str, expected: str
):
    file = scratch / "conf" / "local" / "parameters_mine.yml"
    file.write_text(text)
    try:
        done = kedro_here("run", "--pipelines=promote")
    finally:
        file.unlink()
    assert done.code == 1
    assert expected in done.words
    assert "conf/local/parameters_mine.yml" in done.words
    assert "Traceback" not in done.words


def test_a_wrong_params_option_names_the_option(kedro_here: Callable[..., Any]):
    done = kedro_here("run", "--pipelines=promote", "--params=promote.margn=1")
    assert done.code == 1
    assert "--params" in done.words
    assert "did you mean promote.margin?" in done.words


def test_a_missing_input_is_told_before_anything_runs(kedro_here: Callable[..., Any]):
    done = kedro_here("run", "--pipelines=promote")
    assert done.code == 1
    assert "evaluation_metrics" in done.words
    assert "kedro run --pipelines=evaluate" in done.words
    assert "Traceback" not in done.words


def test_an_unknown_pipeline_is_told_with_its_neighbour(kedro_here: Callable[..., Any]):
    done = kedro_here("run", "--pipelines=promot")
    assert done.code == 1
    assert "promote" in done.words
    assert "Traceback" not in done.words


def test_both_spellings_of_the_option_run_the_pipeline(kedro_here: Callable[..., Any]):
    for option in ("--pipeline", "--pipelines"):
        done = kedro_here("run", f"{option}=promote")
        assert "evaluation_metrics" in done.words, option


@pytest.mark.parametrize(
    ("environment", "asked", "meant"),
    [("paper", "teacher", "--pipelines=convert"), ("base", "convert", "--pipelines=teacher")],
)
def test_a_teacher_is_trained_or_converted_as_its_kind_says(
    scratch: Path, kedro_here: Callable[..., Any], environment: str, asked: str, meant: str
):
    done = kedro_here("run", f"--env={environment}", f"--pipelines={asked}")
    assert done.code == 1
    assert "teacher.kind is" in done.words
    assert meant in done.words
    assert "Traceback" not in done.words
    assert not list(scratch.glob("data/**/teacher.json"))


def test_weights_that_are_not_there_are_told_with_their_place(kedro_here: Callable[..., Any]):
    params = "teacher.weights=data/elsewhere/released.pt"
    done = kedro_here("run", "--env=paper", "--pipelines=convert", f"--params={params}")
    assert done.code == 1
    assert "data/elsewhere/released.pt" in done.words
    assert "Traceback" not in done.words
