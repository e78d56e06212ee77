"""Costs by a clock that is set by hand and by memory whose size is known."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from dd3g_kedro.benchmark.methods import costs
from dd3g_kedro.benchmark.methods.costs import Cost, generation_cost, median_seconds, weights_bytes

MEGABYTE = 2**20


class Clock:
    """Time passes only in the calls that are measured."""

    def __init__(self, *durations: float) -> None:
        self.now, self.calls, self.durations = 1000.0, 0, durations

    def perf_counter(self) -> float:
        return self.now

    def generate(self) -> None:
        self.now += self.durations[self.calls]
        self.calls += 1


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch):
    def made(*durations: float) -> Clock:
        clock = Clock(*durations)
        monkeypatch.setattr(costs.time, "perf_counter", clock.perf_counter)
        return clock

    return made


def test_seconds_are_the_median_after_the_warm_up(clock):
    slow_first = clock(900, 800, 700, 4, 2, 50, 3)
    assert generation_cost(slow_first.generate, "cpu", warmup=3, rounds=4).seconds == 3.5
    assert slow_first.calls == 7


def test_by_default_twenty_calls_count_after_three(clock):
    steady = clock(*[9.0] * 3, *range(1, 21))
    assert generation_cost(steady.generate, "cpu").seconds == 10.5
    assert steady.calls == 23


def test_the_clock_of_a_gpu_stops_when_the_work_is_done(clock, monkeypatch: pytest.MonkeyPatch):
    """A fake device: calls return at once, what they asked for is done when one waits for it."""
    queued, started = [], clock(*[0.0] * 3)

    def synchronise(device):
        assert device == torch.device("cuda")
        started.now += sum(queued)
        queued.clear()

    def generate():
        started.generate()
        queued.append(5.0)

    peaks = {"allocated": 9 * MEGABYTE}  # of others, and this method's weights
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda _: 4 * MEGABYTE)
    monkeypatch.setattr(torch.cuda, "synchronize", synchronise)
    monkeypatch.setattr(
        torch.cuda, "reset_peak_memory_stats", lambda _: peaks.update(allocated=7 * MEGABYTE)
    )
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda _: peaks["allocated"])
    assert generation_cost(generate, "cuda", warmup=1, rounds=2) == Cost(5.0, 3 * MEGABYTE)


def test_a_medians_first_call_does_not_count(clock):
    slow_first = clock(900, 4, 2, 50, 3, 1)
    assert median_seconds(slow_first.generate, torch.device("cpu"), rounds=5) == 3
    assert slow_first.calls == 6


def test_weights_are_counted_once_and_where_they_lie():
    net = torch.nn.Sequential(torch.nn.Linear(10, 5), torch.nn.BatchNorm1d(5))
    expected = 4 * (10 * 5 + 5) + 4 * 4 * 5 + 8  # the norm counts its batches in an int64
    assert weights_bytes(net, torch.device("cpu")) == expected
    assert weights_bytes(torch.nn.Sequential(net, net), torch.device("cpu")) == expected
    tied = torch.nn.Sequential(torch.nn.Linear(5, 5), torch.nn.Linear(5, 5))
    tied[1].weight.data = tied[0].weight.data
    assert weights_bytes(tied, torch.device("cpu")) == 4 * (25 + 5 + 5)
    assert weights_bytes(net, torch.device("cuda")) == 0


def touched(megabytes: int) -> np.ndarray:
    """Memory that is really there: a page counts when it is written to."""
    return np.full(megabytes * MEGABYTE, 1, np.uint8)


def work() -> None:
    """192 MB at once, for longer than between two samples."""
    kept, more = touched(64), touched(128)
    time.sleep(0.05)
    assert kept[-1] == more[-1]


@pytest.mark.parametrize("record", ["the kernel's", "sampled"])
def test_peak_memory_is_what_lay_there_at_once(record, monkeypatch: pytest.MonkeyPatch):
    if record == "sampled":
        monkeypatch.setattr(costs, "_CLEAR_REFS", Path("/proc/nothing/here"))
    weights = touched(100)  # not the calls' own
    earlier = touched(512)  # a higher peak before does not count
    del earlier
    found = generation_cost(work, "cpu", warmup=1, rounds=3)
    assert found.peak_bytes == pytest.approx(192 * MEGABYTE, abs=12 * MEGABYTE)
    assert weights[-1] == 1


def test_a_call_that_fails_is_told_and_leaves_no_thread(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(costs, "_CLEAR_REFS", Path("/proc/nothing/here"))
    before = threading.active_count()
    with pytest.raises(ZeroDivisionError):
        generation_cost(lambda: 1 / 0, "cpu", warmup=0, rounds=1)
    assert threading.active_count() == before


@pytest.mark.parametrize(("warmup", "rounds"), [(-1, 1), (0, 0)])
def test_numbers_of_calls_that_make_no_sense_are_refused(warmup, rounds):
    with pytest.raises(ValueError, match=f"got {warmup} and {rounds}"):
        generation_cost(lambda: None, "cpu", warmup, rounds)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="measures CUDA's memory")
def test_peak_memory_of_a_gpu_is_what_is_made():
    weights = torch.ones(64 * MEGABYTE, dtype=torch.uint8, device="cuda")
    found = generation_cost(lambda: weights + 1, "cuda", warmup=1, rounds=2)
    assert found.peak_bytes == pytest.approx(64 * MEGABYTE, abs=8 * MEGABYTE)
