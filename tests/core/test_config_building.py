from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest
import yaml

from dd3g_kedro.core.config_building import build, build_fields, plain


@dataclass(frozen=True, kw_only=True)
class Leg:
    length: float
    foot: Literal["round", "square"] = "round"

    def __post_init__(self) -> None:
        if self.length < 0:
            raise ValueError(f"leg.length must be positive, got {self.length}")


@dataclass(frozen=True, kw_only=True)
class Table:
    legs: tuple[Leg, ...]
    size: tuple[float, float]
    named: Mapping[str, Leg] | None = None
    drawing: Path | None = None
    count: int = 1
    folds: bool = False

    def __post_init__(self) -> None:
        build_fields(self, "table")


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
        ({"legs": [{"length": -1}]}, r"table\.legs\[0\]: leg.length must be positive"),
        ({"legs": 4}, r"table\.legs must be a list"),
        ({"legs": [4]}, r"table\.legs\[0\] must be a mapping"),
        ({"size": [1, 2, 3]}, r"table\.size must have 2 entries, got 3"),
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
    with pytest.raises(ParameterValidationError, match=r"table\.legs\[0\]\.lenght"):
        validator.validate_raw_params({"table": LITERALS | {"legs": [{"lenght": 1}]}})
