from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, get_type_hints

import pytest
from kedro.pipeline import Node, Pipeline
from kedro.validation import TypeExtractor

from dd3g_kedro.pipelines.annotations import ImportedForReaders, settle

if TYPE_CHECKING:
    import pandas as pd
    from elsewhere import Teacher


@dataclass(frozen=True)
class Sampling:
    steps: int


def node(table: pd.DataFrame, teacher: Teacher | None, sampling: Sampling) -> dict[str, Teacher]:
    return {}


def test_typed_parameters_are_found_beside_names_for_readers():
    pipeline = Pipeline([Node(node, ["table", "teacher", "params:sampling"], "out")])
    with pytest.raises(NameError):
        get_type_hints(node)
    settle(node)
    assert TypeExtractor({"p": pipeline}).extract_types_from_pipelines() == {"sampling": Sampling}
    assert node.__annotations__["table"] is ImportedForReaders


def test_a_broken_annotation_is_not_hidden():
    def broken(table: int.nothing) -> None:
        """An attribute that a known type lacks."""

    with pytest.raises(AttributeError):
        settle(broken)
