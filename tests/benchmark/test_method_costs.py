"""Costs are measured apart from the numbers that must repeat, and only of what generates."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
import torch
from tests.known_objects import stored_views, views_table

from dd3g_kedro.benchmark.comparison import compare
from dd3g_kedro.benchmark.methods.lifter_costs import method_costs, no_costs
from dd3g_kedro.benchmark.methods.lifters import BASELINES, Lifted, extrude
from dd3g_kedro.formats.ply import write_ply


@dataclass(frozen=True)
class Cost:
    seconds: float
    peak_bytes: int


@pytest.fixture
def measured(monkeypatch) -> list[dict]:
    """The calls of a `generation_cost` that runs each generation once."""
    from dd3g_kedro.benchmark.methods import costs

    calls: list[dict] = []

    def generation_cost(generate, device, warmup=3, rounds=20):
        calls.append({"made": generate(), "warmup": warmup, "rounds": rounds})
        return Cost(seconds=0.25, peak_bytes=3 * 2**20)

    monkeypatch.setattr(costs, "generation_cost", generation_cost)
    return calls


class Slow:
    """Prepares once; counts its generations."""

    warmup, rounds = 0, 1

    def __init__(self) -> None:
        self.preparations = self.generations = 0
        self.network = torch.nn.Linear(2**18 - 1, 1)  # 1 MiB with its bias

    def prepared(self, sighting, background):
        self.preparations += 1

        def generate():
            self.generations += 1
            return extrude(sighting)

        return generate

    def __call__(self, sighting, background):
        return self.prepared(sighting, background)()


def test_preparation_is_not_part_of_what_is_measured(measured, sighting):
    slow = Slow()
    named = replace(sighting, object_id="a")
    cpu = torch.device("cpu")
    table = method_costs({"slow": Lifted(slow), **BASELINES}, named, 1.0, cpu, "known-1")
    assert (slow.preparations, slow.generations) == (1 + 1 + 5, 1)  # once to generate, timed apart
    assert [(call["warmup"], call["rounds"]) for call in measured] == [(0, 1)]
    (row,) = table.to_dict("records")
    assert row.pop("preprocessing_seconds") >= 0
    assert row == {
        "protocol": "known-1", "method": "slow", "object_id": "a", "device": "cpu",
        "seconds": 0.25, "peak_mib": 4.0, "rounds": 1,
    }  # fmt: skip
    assert list(table.columns) == list(no_costs().columns)


def test_costs_stay_out_of_what_must_repeat(measured, student, sighting, config, tmp_path):
    write_ply(extrude(sighting), tmp_path / "ply" / "object0.ply")
    config = replace(config, outputs={"theirs": tmp_path / "ply"})
    stored = stored_views(views_table(2), tmp_path)
    without = compare(student, stored, config)
    assert not measured
    assert without["costs"].equals(no_costs())
    found = compare(student, stored, replace(config, costs=True))
    assert found["metrics"] == without["metrics"]
    assert [(call["warmup"], call["rounds"]) for call in measured] == [(3, 20)]
    assert found["costs"]["method"].tolist() == ["student"]  # files and slabs cost nothing
    assert found["costs"]["object_id"].tolist() == ["object0"]
    assert "| student | 0.25 | " in found["table"]
    assert "0.25" not in without["table"]
