from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest
import torch
import yaml
from pydantic import NonNegativeFloat

from dd3g_kedro.core.config_building import Seed, build, configuration, plain


@configuration
class Leg:
    length: NonNegativeFloat
    foot: Literal["round", "square"] = "round"

    def __post_init__(self) -> None:
        if self.foot == "square" and self.length > 5:
            raise ValueError(f"length must be at most 5 on square feet, got {self.length}")


@configuration
class Table:
    legs: tuple[Leg, ...]
    size: tuple[float, float]
    named: Mapping[str, Leg] | None = None
    drawing: Path | None = None
    count: int = 1
    folds: bool = False
    seed: Seed = 0


LITERALS = yaml.safe_load(
    """
    legs: [{length: 1}, {length: 2.5, foot: square}]
    size: [1, 2]
    named: {first: {length: 3}}
    drawing: plans/table.png
    """
)


def test_kedros_way_of_building_gives_nested_dataclasses():
    table = Table(**LITERALS)
    assert table.legs == (Leg(length=1.0), Leg(length=2.5, foot="square"))
    assert table.size == (1.0, 2.0)
    assert isinstance(table.legs[0].length, float)
    assert table.named == {"first": Leg(length=3.0)}
    assert table.drawing == Path("plans/table.png")


def test_plain_and_build_are_inverse():
    table = build(Table, LITERALS, "table")
    assert build(Table, yaml.safe_load(yaml.safe_dump(plain(table))), "table") == table


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"legs": [{"lenght": 1}]}, r"table\.legs\[0\]\.lenght is not a known key; did you mean"),
        ({"colour": "red"}, r"table\.colour is not a known key; known: legs"),
        ({"legs": [{}]}, r"table\.legs\[0\]\.length is missing"),
        ({"legs": [{"length": "1e-5"}]}, r"table\.legs\[0\]\.length .*float.*1\.0e-5"),
        ({"legs": [{"length": 1, "foot": "flat"}]}, r"foot must be one of round, square"),
        ({"legs": [{"length": -1}]}, r"table\.legs\[0\]\.length must be at least 0, got -1"),
        (
            {"legs": [{"length": 6, "foot": "square"}]},
            r"table\.legs\[0\]\.length must be at most 5",
        ),
        ({"legs": [{"length": float("nan")}]}, r"table\.legs\[0\]\.length must be a finite number"),
        ({"size": [1, float("inf")]}, r"table\.size\[1\] must be a finite number, got inf"),
        ({"seed": 2**63}, r"table\.seed must be less than 9\.22337e\+18, got 9223372036854775808"),
        ({"seed": -1}, r"table\.seed must be at least 0, got -1"),
        ({"count": "1"}, r"table\.count must be of type int, got '1'"),
        ({"named": {"first": {"lenght": 1}}}, r"did you mean table\.named\.first\.length\?"),
        ({"legs": 4}, r"table\.legs must be a list"),
        ({"legs": [4]}, r"table\.legs\[0\] must be a mapping"),
        ({"size": [1, 2, 3]}, r"table\.size must have 2 entries, got \[1, 2, 3\]"),
        ({"count": True}, r"table\.count must be of type int, got True"),
        ({"count": 1.5}, r"table\.count must be of type int, got 1.5"),
        ({"folds": 1}, r"table\.folds must be of type bool"),
        ({"named": {"first": {"size": 1}}}, r"table\.named\.first\.size is not a known key"),
    ],
)
def test_a_wrong_key_or_type_is_named_from_the_top(change, named):
    with pytest.raises(ValueError, match=named):
        build(Table, LITERALS | change, "table")


def test_kedro_stops_at_an_unknown_nested_key_and_names_it():
    from kedro.pipeline import Node, Pipeline
    from kedro.validation.exceptions import ParameterValidationError
    from kedro.validation.parameter_validator import ParameterValidator

    def lay(table: Table) -> str:
        return str(table)

    pipeline = Pipeline([Node(lay, inputs="params:table", outputs="laid")])
    validator = ParameterValidator({"__default__": pipeline})
    built = validator.validate_raw_params({"table": LITERALS})
    assert built["table"].legs[0] == Leg(length=1.0)
    with pytest.raises(ParameterValidationError, match=r"Table\.legs\[0\]\.lenght"):
        validator.validate_raw_params({"table": LITERALS | {"legs": [{"lenght": 1}]}})


def test_a_configuration_made_in_code_is_checked_as_one_that_is_read():
    with pytest.raises(ValueError, match=r"Leg\.length must be at least 0, got -1"):
        Leg(length=-1.0)
    table = Table(legs=(Leg(length=2.0),), size=(1.0, 2.0), seed=2**63 - 1)
    assert table.seed == 2**63 - 1
    with pytest.raises(ValueError, match=r"Table\.legs\[0\] must be a mapping of keys"):
        Table(legs=(torch.zeros(3),), size=(1.0, 2.0))
    with pytest.raises(ValueError, match=r"Table\.count must be of type int"):
        replace(table, count=1.5)


def test_every_float_keeps_its_bits():
    for length in (0.1, 1e-300, 1 / 3, 5e-324, 1.7976931348623157e308):
        assert Leg(length=length).length == length
