from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import torch

from dd3g_kedro.core.identity import (
    Identity,
    deciding,
    file_fingerprint,
    weights_fingerprint,
)


@dataclass(frozen=True)
class Inner:
    weight: float = 0.5
    range: tuple[int, int] = (1, 2)


@dataclass(frozen=True)
class Outer:
    inner: Inner = field(default_factory=Inner)
    file: Path = Path("a")
    log_every: int = 10


def test_the_same_parts_are_the_same_whatever_their_order_and_wherever_they_were_kept():
    one = Identity.of("maker 1", settings=Outer(), data="abc")
    other = Identity.of("maker 1", data="abc", settings=Outer())
    assert one.digest == other.digest
    assert Identity.read(one.document()).digest == one.digest
    assert one.differences(other) == []


def test_every_leaf_and_the_makers_version_tell_apart():
    base = Identity.of("maker 1", settings=Outer(), data="abc")
    others = [
        Identity.of("maker 2", settings=Outer(), data="abc"),
        Identity.of("maker 1", settings=Outer(), data="abd"),
        Identity.of("maker 1", settings=replace(Outer(), inner=Inner(range=(1, 3))), data="abc"),
        Identity.of("maker 1", settings=replace(Outer(), inner=Inner(weight=0.5 + 1e-16 * 2))),
    ]
    assert len({identity.digest for identity in (base, *others)}) == 5


def test_what_differs_is_named_key_by_key():
    was = Identity.of("maker 1", settings=Outer(), data="abc")
    now = Identity.of("maker 1", settings=replace(Outer(), inner=Inner(weight=50.0)), more=True)
    assert now.differences(was) == [
        "parts.data: null, not abc",
        "parts.more: true, not null",
        "parts.settings.inner.weight: 50.0, not 0.5",
    ]
    assert "settings.inner.weight: 50.0, not 0.5" in now.told_apart(was)


def test_what_does_not_decide_is_left_out_and_must_exist():
    assert deciding(Outer(), ("log_every",)) == deciding(Outer(log_every=1), ("log_every",))
    assert "file" in deciding(Outer(), ("log_every",))
    with pytest.raises(ValueError, match=r"Outer has no fields .*'log_evry'"):
        deciding(Outer(), ("log_evry",))


def test_no_document_is_no_identity():
    assert Identity.read(None) is None
    assert Identity.read({"maker": "x"}) is None


def test_one_bit_of_one_weight_is_another_fingerprint():
    state = {"a": torch.zeros(3), "b": torch.ones(2, 2, dtype=torch.bfloat16)}
    same = {"b": state["b"].clone(), "a": state["a"].clone()}
    assert weights_fingerprint(state) == weights_fingerprint(same)
    same["a"][0] = -0.0
    shaped = {"a": state["a"], "b": state["b"].view(4)}
    renamed = {"a": state["a"], "c": state["b"]}
    found = {weights_fingerprint(s) for s in (state, same, shaped, renamed)}
    assert len(found) == 4


def test_a_file_is_its_bytes(tmp_path):
    (tmp_path / "a").write_bytes(b"1")
    (tmp_path / "b").write_bytes(b"1")
    assert file_fingerprint(tmp_path / "a") == file_fingerprint(tmp_path / "b")
    (tmp_path / "b").write_bytes(b"2")
    assert file_fingerprint(tmp_path / "a") != file_fingerprint(tmp_path / "b")
