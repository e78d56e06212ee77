"""Configurations: frozen dataclasses from the plain literals of a parameter file, and back.

pydantic checks them, as strictly as JSON: no "1" for 1, no true for 1; integers become floats and
lists tuples where such are asked for; every number is finite. A range stands in the annotation
(`PositiveInt`, `Share`), what two keys must agree on in `__post_init__`, whose messages begin with
the key. Kedro builds the outermost dataclass of a `params:` input with `Config(**mapping)`; code
that starts from a mapping calls `build(Config, mapping, "its_key")`. Ours is the sentence alone:
the key from the outermost on, what was expected, what came.
"""

from __future__ import annotations

import dataclasses
import difflib
import re
import types
from functools import cache
from typing import (
    Annotated,
    Any,
    TypeVar,
    Union,
    cast,
    dataclass_transform,
    get_args,
    get_origin,
    get_type_hints,
)

import pydantic
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import is_pydantic_dataclass
from pydantic_core import to_json, to_jsonable_python

T = TypeVar("T")

Share = Annotated[float, Field(ge=0, le=1)]
PositiveShare = Annotated[float, Field(gt=0, le=1)]
InnerShare = Annotated[float, Field(gt=0, lt=1)]
ElevationDeg = Annotated[float, Field(gt=-90, lt=90)]
Seed = Annotated[int, Field(ge=0, lt=2**63)]  # what every generator takes

_CONFIG = ConfigDict(extra="forbid", allow_inf_nan=False)
_EXPECTED = {
    "greater_than_equal": "must be at least {ge:g}",
    "greater_than": "must be greater than {gt:g}",
    "less_than_equal": "must be at most {le:g}",
    "less_than": "must be less than {lt:g}",
    "int_type": "must be of type int",
    "float_type": "must be of type float",
    "bool_type": "must be of type bool",
    "string_type": "must be of type str",
    "literal_error": "must be one of {expected}",
    "too_long": "must have {max_length} entries",
    "too_short": "must have at least {min_length} entries",
    "string_too_short": "must not be empty",
    "tuple_type": "must be a list",
    "dict_type": "must be a mapping of keys",
    "dataclass_type": "must be a mapping of keys",
}


@dataclass_transform(
    frozen_default=True, kw_only_default=True, field_specifiers=(dataclasses.field, Field)
)
def configuration(cls: type[T]) -> type[T]:
    """Make the class a frozen dataclass whose every instance is checked when it is made.

    Raises:
        ValueError: by the class: a key is unknown or missing, or a value out of its range; the
            message names the key.
    """
    made = pydantic.dataclasses.dataclass(frozen=True, kw_only=True, config=_CONFIG)(cls)

    def checked(self: Any, **values: Any) -> None:
        _check(made, made.__pydantic_validator__, values, made.__name__, self_instance=self)

    made.__init__ = checked  # type: ignore[method-assign]
    return cast(type[T], made)


def build(cls: type[T], mapping: object, where: str) -> T:
    """Build the dataclass `cls` from plain literals; `where` is the key that holds them.

    Raises:
        ValueError: a key is unknown or missing, or a value out of its range; the message names
            the key from `where` on.
    """
    if isinstance(mapping, cls):
        return mapping
    return _check(cls, _validator(cast(Any, cls)), mapping, where)


def plain(config: object) -> Any:
    """The inverse of `build`: dictionaries, lists and literals that JSON and YAML can hold."""
    return to_jsonable_python(config)


def _is_type(step: Any) -> bool:
    """Whether pydantic names a choice of a union here, and no key."""
    return step in ("int", "float") or str(step).startswith(("constrained-", "tuple["))


@cache
def _validator(hint: Any) -> Any:
    own = is_pydantic_dataclass(hint)  # it has its configuration itself
    return TypeAdapter(hint, config=None if own else _CONFIG).validator


def _check(hint: Any, validator: Any, given: object, where: str, **options: Any) -> Any:
    text = to_json(given, inf_nan_mode="constants", fallback=repr)
    try:
        return validator.validate_json(text, strict=True, **options)
    except ValidationError as error:
        told = error.errors(include_url=False)
        worst = min(told, key=lambda one: one["type"] != "unexpected_keyword_argument")
        raise ValueError(_sentence(hint, where, worst)) from None


def _sentence(hint: Any, where: str, error: Any) -> str:
    steps = [step for step in error["loc"] if not _is_type(step)]
    key = where + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)
    kind, got = error["type"], f", got {error['input']!r}"
    if kind == "unexpected_keyword_argument":
        known, parent = _keys(hint, steps[:-1]), key.rpartition(".")[0]
        near = difflib.get_close_matches(str(steps[-1]), known, n=1)
        advice = f"did you mean {parent}.{near[0]}?" if near else f"known: {', '.join(known)}"
        return f"{key} is not a known key; {advice}"
    if kind == "missing":
        return f"{key} is missing; add it to the parameters"
    if kind == "value_error":  # of a class's own checks, which know their own keys only
        message = str(error["ctx"]["error"])
        own = re.split(r"[ .:\[]", message)[0] in _keys(hint, steps)
        return f"{key}.{message}" if own else f"{key}: {message}"
    if kind == "float_type" and isinstance(error["input"], str):
        got += " (write 1.0e-5, not 1e-5)"
    if kind in _EXPECTED:
        expected = _EXPECTED[kind].format(**error.get("ctx", {}))
        expected = expected.replace("'", "").replace(" or ", ", ")  # of a Literal's choices
        return f"{key} {expected}{got}"
    return f"{key} {error['msg'].replace('Input should', 'must')}{got}"


def _keys(hint: Any, steps: list[Any]) -> list[str]:
    """The keys of the dataclass that lies at these steps below `hint`."""
    if dataclasses.is_dataclass(hint):
        hints = get_type_hints(hint)
        return _keys(hints.get(steps[0]), steps[1:]) if steps else list(hints)
    below = steps if get_origin(hint) in (Union, types.UnionType) else steps[1:]
    return [key for choice in get_args(hint) for key in _keys(choice, below)]
