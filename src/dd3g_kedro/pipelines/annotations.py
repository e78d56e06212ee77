"""Annotations of nodes, readable at run time without what they name.

Nodes name heavy types (a table of pandas, a teacher of torch) for readers and type checkers and
import them under `TYPE_CHECKING`. Kedro evaluates a node's annotations to build its typed
parameters, and where one name is missing it gives up on the whole node: its parameters would
arrive as dictionaries, unchecked.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_type_hints


class _AnyAttribute(type):
    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return cls


class ImportedForReaders(metaclass=_AnyAttribute):
    """Stands for a name that only type checkers import, and for whatever is taken from it."""


def settle(function: Callable[..., Any]) -> None:
    """Evaluate a function's annotations once; names that are not imported become a stand-in."""
    names: dict[str, Any] = {}
    while True:
        try:
            function.__annotations__ = get_type_hints(function, localns=names)
        except NameError as missing:
            if not missing.name or missing.name in names:
                raise
            names[missing.name] = ImportedForReaders
        else:
            return
