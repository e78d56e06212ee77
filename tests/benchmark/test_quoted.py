"""What is quoted is what the paper prints, and is never taken for a measurement."""

from __future__ import annotations

import math

import pytest

from dd3g_kedro.benchmark.protocol import load_protocol
from dd3g_kedro.benchmark.tables.quoted import quoted, quoted_section


def test_the_papers_own_row_is_table_ones_and_not_the_summarys():
    """A summary of the paper says SSIM 0.847, LPIPS 0.278 and under 5 s; the table does not."""
    ours = quoted("I").set_index(["dataset", "row"]).loc[("GSO", "DD3G")]
    assert ours.tolist() == [19.85, 0.883, 0.131, 0.06]


def test_the_joint_result_is_the_same_in_all_tables():
    """Table II's (d) too, though the text calls its rows trained by explicit supervision only."""
    numbers = ["psnr", "ssim", "lpips"]
    ends = [quoted(name).iloc[-1][numbers].tolist() for name in ("II", "III", "IV")]
    assert ends == [[19.85, 0.883, 0.131]] * 3
    explicit = quoted("III").set_index("row").loc["explicit supervision"]
    assert explicit[numbers].tolist() == [19.06, 0.862, 0.147]


@pytest.mark.parametrize(("name", "rows"), [("I", 12), ("II", 4), ("III", 3), ("IV", 4)])
def test_every_row_has_sound_numbers(name, rows):
    table = quoted(name)
    assert list(table.columns) == ["row", "dataset", "psnr", "ssim", "lpips", "seconds"]
    assert len(table) == rows
    assert table["psnr"].between(10, 20).all()
    assert table[["ssim", "lpips"]].stack().between(0.1, 0.9).all()
    assert all(math.isnan(value) == (name != "I") for value in table["seconds"])


@pytest.mark.shared
def test_the_numbers_are_in_the_papers_text(shared):
    text = (shared / "paper.txt").read_text("utf-8")
    for name in ("I", "II", "III", "IV"):
        for row in quoted(name).itertuples():
            for number in (f"{row.psnr:.2f}", f"{row.ssim:.3f}", f"{row.lpips:.3f}"):
                assert number in text


@pytest.mark.parametrize("name", ["gso-dd3g", "gso-sync30", "rtmv-bricks"])
def test_a_section_says_that_it_is_quoted(name):
    text = "\n".join(quoted_section(load_protocol(name)))
    assert "Quoted, not measured here" in text
    dataset, ours = ("RTMV-bricks", "15.83") if name.startswith("rtmv") else ("GSO", "19.85")
    assert f"Table I, {dataset})" in text
    assert f"| DD3G | {ours} |" in text
    assert len([line for line in text.splitlines() if line.startswith("| ")]) == 1 + 6


@pytest.mark.parametrize("name", ["demo", "smoke", "meshes", "images"])
def test_other_data_have_nothing_to_quote(name):
    assert quoted_section(load_protocol(name)) == []
