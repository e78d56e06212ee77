"""Intervals against the normal approximation, and paired differences where pairing matters."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from dd3g_kedro.benchmark.scores.intervals import HEADLINE, intervals, mean_interval


def table(rows: dict[tuple[str, str], float]) -> pd.DataFrame:
    """Every metric of a method and an object has one value; NaN: the method failed there."""
    return pd.DataFrame(
        [
            {
                "protocol": "known-1",
                "method": method,
                "object_id": name,
                "status": "failed" if math.isnan(value) else "scored",
                **dict.fromkeys(HEADLINE, value),
            }
            for (method, name), value in rows.items()
        ]
    )


def test_an_interval_is_that_of_the_normal_distribution_for_many_objects():
    values = np.random.default_rng(3).normal(20, 2, 400)
    mean, low, high = mean_interval(values)
    error = values.std(ddof=1) / math.sqrt(len(values))
    assert mean == pytest.approx(values.mean())
    assert low == pytest.approx(mean - 1.96 * error, abs=0.15 * error)
    assert high == pytest.approx(mean + 1.96 * error, abs=0.15 * error)
    assert mean_interval(values) == (mean, low, high)  # seeded


def test_the_interval_covers_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(7)
    covered = 0
    for _ in range(200):
        _, low, high = mean_interval(rng.normal(0, 1, 40))
        covered += low <= 0 <= high
    assert 0.88 <= covered / 200 <= 0.99


def test_one_object_has_a_mean_and_no_interval():
    mean, low, high = mean_interval(np.array([21.5]))
    assert mean == 21.5
    assert math.isnan(low)
    assert math.isnan(high)


def test_differences_are_paired():
    hard = np.random.default_rng(0).normal(20, 5, 30)  # objects differ more than the methods do
    rows = {("ours", f"o{i}"): value + 0.5 for i, value in enumerate(hard)}
    rows |= {("theirs", f"o{i}"): value for i, value in enumerate(hard)}
    found = intervals(table(rows), ["ours", "theirs"]).set_index(["method", "minus", "metric"])
    pair = found.loc["ours", "theirs", "psnr"]
    assert pair[["mean", "low", "high"]].tolist() == pytest.approx([0.5, 0.5, 0.5])
    alone = found.loc["ours", "", "psnr"]
    assert alone["high"] - alone["low"] > 2  # not to be told from the other method's without pairs


def test_a_difference_counts_only_the_objects_that_both_scored():
    rows = {
        ("ours", "a"): 20.0, ("ours", "b"): 30.0, ("ours", "c"): 25.0,
        ("theirs", "a"): 19.0, ("theirs", "b"): math.nan, ("theirs", "c"): 23.0,
    }  # fmt: skip
    found = intervals(table(rows), ["ours", "theirs"]).set_index(["method", "minus", "metric"])
    assert found.loc["ours", "theirs", "psnr"]["objects"] == 2
    assert found.loc["ours", "theirs", "psnr"]["mean"] == pytest.approx(1.5)
    assert found.loc["ours", "", "psnr"]["objects"] == 3


def test_a_metric_that_was_not_computed_has_no_row():
    rows = {(method, f"o{i}"): 20.0 + i for method in ("ours", "theirs") for i in range(3)}
    given = table(rows).assign(lpips_vgg=math.nan).drop(columns="clip_similarity")
    found = intervals(given, ["ours", "theirs"])
    expected = set(HEADLINE) - {"lpips_vgg", "clip_similarity"}
    assert {"lpips_alex", "aligned_ssim", "aligned_foreground_psnr"} < expected
    for _, pair in found.groupby("minus"):
        assert set(pair["metric"]) == expected
    assert found["mean"].notna().all()


def test_a_method_that_scored_nothing_has_no_row():
    rows = {("ours", "a"): 20.0, ("theirs", "a"): math.nan}
    found = intervals(table(rows), ["ours", "theirs"])
    assert found["method"].unique().tolist() == ["ours"]
    assert found["minus"].unique().tolist() == [""]
