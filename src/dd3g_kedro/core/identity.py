"""What a kept result was made of: one notion for all that is stored and taken up again.

An identity names the maker with its version, and all that decides the result: its parameters and
the fingerprints of its inputs. Whoever keeps something (a checkpoint, a shard, drawn views,
measured pictures) keeps its identity beside it, and takes it up again only under the same one. What
has another identity is set aside, never reused and never deleted. Ours: the paper keeps nothing.

A maker's version is a number in its own module. A test holds a small golden output beside it and
fails when the output changes and the version does not (`tests/golden.py`).
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dd3g_kedro.core.config_building import plain

_SHOWN = 8  # differences that a message names
_NAMED_BY = 16  # hexadecimal digits in the names of files


@dataclass(frozen=True)
class Identity:
    """A maker and everything that decides what it makes.

    Args:
        maker: its name and version, such as `sampling 1`.
        parts: configurations, literals and fingerprints by name; plain, as JSON holds them.
    """

    maker: str
    parts: Mapping[str, Any]

    @classmethod
    def of(cls, maker: str, **parts: object) -> Identity:
        """Of dataclasses, paths, tuples and literals; floats keep every bit."""
        return cls(maker, {name: plain(part) for name, part in parts.items()})

    @classmethod
    def read(cls, document: object) -> Identity | None:
        """The inverse of `document`; None where there is none."""
        if not isinstance(document, Mapping) or set(document) != {"maker", "parts"}:
            return None
        return cls(str(document["maker"]), document["parts"])

    def document(self) -> dict[str, Any]:
        """As JSON can hold it, with the keys in order."""
        return {"maker": self.maker, "parts": json.loads(_canonical(self.parts))}

    @property
    def digest(self) -> str:
        """SHA-256 of the document."""
        return hashlib.sha256(_canonical(self.document()).encode()).hexdigest()

    @property
    def name(self) -> str:
        """The digest's first 16 digits: part of a kept file's name."""
        return self.digest[:_NAMED_BY]

    def differences(self, other: Identity) -> list[str]:
        """`key: this one's value, not the other's`, for each key in which they differ."""
        ours, theirs = (dict(_leaves(identity.document())) for identity in (self, other))
        return [
            f"{key}: {_shown(ours.get(key))}, not {_shown(theirs.get(key))}"
            for key in sorted(ours.keys() | theirs.keys())
            if ours.get(key, _ABSENT) != theirs.get(key, _ABSENT)
        ]

    def told_apart(self, other: Identity) -> str:
        """The differences as one sentence for a person."""
        found = [text.removeprefix("parts.") for text in self.differences(other)]
        more = f"; and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        return "; ".join(found[:_SHOWN]) + more


_ABSENT = object()


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def _leaves(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and value:
        for name, inner in value.items():
            yield from _leaves(inner, f"{key}.{name}" if key else str(name))
    else:
        yield key, value


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}..."


def deciding(config: Any, free: Iterable[str]) -> dict[str, Any]:
    """A configuration's fields but those that do not change the result (`free`).

    Raises:
        ValueError: `free` names a field that there is not.
    """
    names = {field.name for field in dataclasses.fields(config)}
    if unknown := set(free) - names:
        raise ValueError(f"{type(config).__name__} has no fields {sorted(unknown)}")
    return {name: value for name, value in plain(config).items() if name not in set(free)}


def file_fingerprint(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def weights_fingerprint(state: Mapping[str, Any]) -> str:
    """SHA-256 over names, types, shapes and bits of a state dict's tensors; on any device."""
    import torch

    digest = hashlib.sha256()
    for name in sorted(state):
        tensor = state[name].detach().cpu().contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
