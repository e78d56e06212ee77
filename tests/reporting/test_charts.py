"""Coordinates of the charts."""

from __future__ import annotations

import dataclasses

import pandas as pd
import pytest

from dd3g_kedro.reporting.charts import (
    azimuth_chart,
    difference_charts,
    study_chart,
    ticks,
)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.0, 10.0, [0, 2, 4, 6, 8, 10]),
        (-0.05, 0.05, [-0.04, -0.02, 0, 0.02, 0.04]),
        (13.2, 19.9, [14, 16, 18]),
    ],
)
def test_ticks_are_round_and_inside(low, high, expected):
    assert ticks(low, high) == pytest.approx(expected)


def with_differences(evaluated, rows):
    columns = ["minus", "mean", "low", "high", "objects"]
    table = pd.DataFrame(rows, columns=columns).assign(
        method="student", metric="psnr", protocol=evaluated.id
    )
    return dataclasses.replace(evaluated, intervals=table)


def test_a_difference_is_decided_by_its_interval_and_its_objects(evaluated):
    rows = [
        ("a", 1.0, 0.5, 2.0, 12),
        ("b", -1.0, -2.0, -0.5, 12),
        ("c", 0.5, -0.5, 1.0, 12),
        ("d", 1.0, 0.5, 2.0, 3),
        ("e", 2.0, float("nan"), float("nan"), 1),
    ]
    (chart,) = difference_charts(with_differences(evaluated, rows))
    verdicts = {row.method: row.verdict for row in chart.rows}
    assert verdicts == {
        "a": "ahead", "b": "behind", "c": "undecided", "d": "undecided", "e": "undecided",
    }  # fmt: skip
    first, second = chart.rows[0], chart.rows[1]
    assert first.low + second.high == pytest.approx(100)  # zero is in the middle
    assert first.low < first.mean < first.high <= 100
    assert chart.rows[4].words == "+2.00"


def test_where_less_is_better_the_better_is_still_right(evaluated):
    rows = [("a", -0.3, -0.4, -0.1, 12), ("b", 0.2, 0.1, 0.3, 12)]
    table = with_differences(evaluated, rows).intervals.assign(metric="lpips_vgg")
    (chart,) = difference_charts(dataclasses.replace(evaluated, intervals=table))
    assert chart.heading == "LPIPS (vgg) ↓"
    closer, farther = chart.rows
    assert (closer.verdict, farther.verdict) == ("ahead", "behind")
    assert farther.low < farther.mean < farther.high < 50 < closer.low < closer.mean < closer.high
    assert closer.words == "\N{MINUS SIGN}0.300 [\N{MINUS SIGN}0.400, \N{MINUS SIGN}0.100]"
    at = {tick.label: tick.at for tick in chart.ticks}
    assert at["\N{MINUS SIGN}0.2"] > at["0"] == 50 > at["0.2"]


def test_the_studys_scale_runs_from_one_to_ten(scores):
    chart = study_chart(scores.assign(mean=[10.0, 1.0], low=[10.0, 1.0], high=[10.0, 1.0]))
    assert [row.mean for row in chart.rows] == [100, 0]
    assert study_chart(scores.iloc[:0]) is None


def test_exact_copies_leave_the_axes(evaluated):
    azimuths = {"azimuth_deg": [0.0, 90.0], "protocol": evaluated.id, "metric": "psnr"}
    table = pd.DataFrame({**azimuths, "student": [20.0, 18.0], "copy_input": [58.92, 19.0]})
    chart = azimuth_chart(dataclasses.replace(evaluated, by_azimuth=table))
    student, copied = chart.series
    assert chart.beyond
    assert [len(student.points), len(copied.points)] == [2, 1]
    inside = range(int(chart.top), int(chart.bottom) + 1)
    assert all(int(y) in inside for _, y, _ in (*student.points, *copied.points))
    assert student.points[0][1] < student.points[1][1]  # better is higher
    assert (student.points[0][0], student.points[1][0]) == (chart.left, chart.right)
    assert azimuth_chart(dataclasses.replace(evaluated, by_azimuth=table.iloc[:1])) is None
