"""Frozen dataclasses from the plain literals of a parameter file, and back.

Kedro builds the outermost dataclass of a `params:` input with `Config(**mapping)` and no further:
nested mappings stay dictionaries, and types are not looked at. A configuration that nests others,
or that wants its types checked, calls `build_fields(self, "its_key")` first in `__post_init__`;
code that starts from a mapping calls `build(Config, mapping, "its_key")`.
"""

from __future__ import annotations

import dataclasses
import difflib
import types
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")


def _field_types(cls: Any) -> dict[str, Any]:
    hints = get_type_hints(cls)
    return {field.name: hints[field.name] for field in dataclasses.fields(cls) if field.init}


def build(cls: type[T], mapping: object, where: str) -> T:
    """Build the dataclass `cls` from plain literals; `where` is the key that holds them.

    Nested dataclasses, tuples and mappings are built from dictionaries and lists, integers become
    floats where a float is asked for.

    Raises:
        ValueError: a key is unknown or missing, or a value has another type; the message names
            the key from `where` on.
    """
    if isinstance(mapping, cls):
        return mapping
    if not isinstance(mapping, Mapping):
        raise ValueError(f"{where} must be a mapping of keys, got {mapping!r}")
    expected = _field_types(cls)
    for key in mapping:
        if key not in expected:
            near = difflib.get_close_matches(str(key), expected, n=1)
            hint = f"did you mean {where}.{near[0]}?" if near else f"known: {', '.join(expected)}"
            raise ValueError(f"{where}.{key} is not a known key; {hint}")
    required = {
        field.name
        for field in dataclasses.fields(cls)  # type: ignore[arg-type]
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    }
    if missing := [key for key in expected if key in required and key not in mapping]:
        raise ValueError(f"{where}.{missing[0]} is missing; add it to the parameters")
    values = {
        key: _convert(expected[key], value, f"{where}.{key}") for key, value in mapping.items()
    }
    try:
        return cls(**values)
    except ValueError as error:  # its own checks know only its own name
        prefix = "" if where in str(error) else f"{where}: "
        raise ValueError(f"{prefix}{error}") from error


def build_fields(instance: object, where: str) -> None:
    """Turn the plain values of a frozen dataclass into what its annotations say, in place.

    Raises:
        ValueError: as `build`.
    """
    for name, expected in _field_types(type(instance)).items():
        value = _convert(expected, getattr(instance, name), f"{where}.{name}")
        object.__setattr__(instance, name, value)


def plain(config: object) -> Any:
    """The inverse of `build`: dictionaries, lists and literals that JSON and YAML can hold."""
    if dataclasses.is_dataclass(config) and not isinstance(config, type):
        return {
            f.name: plain(getattr(config, f.name)) for f in dataclasses.fields(config) if f.init
        }
    if isinstance(config, Mapping):
        return {key: plain(value) for key, value in config.items()}
    if isinstance(config, tuple | list):
        return [plain(value) for value in config]
    return str(config) if isinstance(config, Path) else config


def _convert(expected: Any, value: Any, where: str) -> Any:
    origin, arguments = get_origin(expected), get_args(expected)
    if origin in (Union, types.UnionType):
        return _convert_union(arguments, value, where)
    if origin is Literal:
        if value not in arguments:
            choices = ", ".join(str(choice) for choice in arguments)
            raise ValueError(f"{where} must be one of {choices}, got {value!r}")
        return value
    if origin is tuple:
        return _convert_tuple(arguments, value, where)
    if origin is not None and issubclass(origin, Mapping):
        return _convert_mapping(arguments[1], value, where)
    if dataclasses.is_dataclass(expected):
        return build(expected, value, where)  # type: ignore[arg-type]
    return value if expected is Any else _convert_literal(expected, value, where)


def _convert_union(choices: tuple[Any, ...], value: Any, where: str) -> Any:
    if value is None and type(None) in choices:
        return None
    others = [choice for choice in choices if choice is not type(None)]
    for choice in others[:-1]:
        try:
            return _convert(choice, value, where)
        except ValueError:
            continue  # the last choice's error is the one that is told
    return _convert(others[-1], value, where)


def _convert_mapping(item: Any, value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise ValueError(f"{where} must be a mapping of keys, got {value!r}")
    return {key: _convert(item, entry, f"{where}.{key}") for key, entry in value.items()}


def _convert_tuple(items: tuple[Any, ...], value: Any, where: str) -> tuple[Any, ...]:
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise ValueError(f"{where} must be a list, got {value!r}")
    if len(items) == 2 and items[1] is Ellipsis:
        items = (items[0],) * len(value)
    if len(value) != len(items):
        raise ValueError(f"{where} must have {len(items)} entries, got {len(value)}: {value!r}")
    return tuple(
        _convert(item, entry, f"{where}[{index}]")
        for index, (item, entry) in enumerate(zip(items, value, strict=True))
    )


def _convert_literal(expected: Any, value: Any, where: str) -> Any:
    if expected is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if expected is Path and isinstance(value, str):
        return Path(value)
    if (isinstance(value, bool) and expected is not bool) or not isinstance(value, expected):
        hint = " (write 1.0e-5, not 1e-5)" if expected is float and isinstance(value, str) else ""
        raise ValueError(f"{where} must be of type {expected.__name__}, got {value!r}{hint}")
    return value
