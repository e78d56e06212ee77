"""What `ablate` stores, read for the report."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dd3g_kedro.ablation.tables import TITLES as WRITTEN
from dd3g_kedro.core.errors import DD3GError
from dd3g_kedro.reporting.ablated import STRIPS, TITLES, read_ablations
from dd3g_kedro.reporting.page import report_page
from dd3g_kedro.reporting.runs import Run, tracked_runs

WORDS = """## Table III: objectives

| row | PSNR ↑ |
|---|---:|
| <b>joint</b> | 18.25 [17.50, 19.00] |

| claim | by | ahead by | verdict |
|---|---|---:|---|
| joint is better | PSNR | +1.00 | holds |

[owned](javascript:alert(1)) ![gone](http://example.org/x.png)
"""


def picture(path: Path, width: int = 40) -> None:
    Image.fromarray(np.full((20, width, 3), 128, np.uint8)).save(path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "III.md").write_text(WORDS)
    picture(tmp_path / "III.png")
    picture(tmp_path / "diversity.png", width=4000)
    (tmp_path / "diversity.json").write_text(json.dumps({"mean": {"student_spread": 0.125}}))
    for name, table in (("joint", "III"), ("explicit", "III"), ("pepd", "II")):
        row = tmp_path / "rows" / name
        row.mkdir(parents=True)
        document = {"row": name, "table": table, "label": f"<i>{name}</i>"}
        if name != "pepd":  # it is the same as another one
            document |= {"metrics": {"psnr": 18.25}, "measured_on": "ab" * 32}
        if name == "joint":
            document["protocol"] = {"id": "demo-1", "digest": "cd" * 32}
        (row / "result.json").write_text(json.dumps(document))
    picture(tmp_path / "rows" / "joint" / "sheet.png")
    return tmp_path


def test_the_report_knows_every_table_that_is_written():
    assert set(TITLES) == set(WRITTEN)


def test_tables_rows_and_strips_are_found(folder):
    found = read_ablations(folder)
    tables = {table.name: table for table in found.tables}
    third = tables["III"]
    assert third.title == "Table III: objectives"
    assert "18.25 [17.50, 19.00]" in third.html
    assert third.figure.startswith("data:image/webp;base64,")
    rows = {row.name: row for row in third.rows}
    assert set(rows) == {"explicit", "joint"}
    assert rows["joint"].protocol == "demo-1 · cdcdcdcdcdcd"
    assert rows["explicit"].protocol == "benchmark abababababab"
    assert third.protocols == ("benchmark abababababab", "demo-1 · cdcdcdcdcdcd")
    assert tables["II"].html is None
    assert tables["II"].rows == ()
    strips = {strip.name: strip for strip in found.strips}
    assert set(strips) == set(STRIPS)
    assert strips["diversity"].measures == (("student spread", "0.125"),)
    assert strips["interpolation"].picture == ""


def test_markup_in_a_table_stays_text(folder, evaluated):
    html = {t.name: t.html for t in read_ablations(folder).tables}["III"]
    assert "&lt;b&gt;joint&lt;/b&gt;" in html
    assert 'href="javascript' not in html
    assert "<img" not in html  # nothing is asked for outside
    assert '<td class="verdict holds">holds</td>' in html
    page = report_page(evaluated, read_ablations(folder), [])
    assert "<i>joint</i>" not in page
    assert "demo-1 · cdcdcdcdcdcd" in page


def test_an_absent_folder_is_an_empty_one(tmp_path):
    found = read_ablations(tmp_path / "absent")
    assert all(table.html is None and not table.rows for table in found.tables)
    assert not any(strip.picture for strip in found.strips)


@pytest.mark.parametrize("name", ["III.png", "rows/joint/result.json", "diversity.json"])
def test_a_damaged_file_is_named(folder, name):
    (folder / name).write_text("nonsense")
    with pytest.raises(DD3GError, match=rf"{Path(name).name}: expected .*pipelines=ablate"):
        read_ablations(folder)


def test_notes_of_runs_are_listed_and_odd_ones_told(tmp_path, caplog):
    (tmp_path / "evaluate.json").write_text(json.dumps({"run_id": "a"}))
    (tmp_path / "odd.json").write_text("[1]")
    (tmp_path / "sample.json").write_text(json.dumps({"run_id": "b"}))
    assert tracked_runs(tmp_path) == [Run("evaluate", "a"), Run("sample", "b")]
    assert "odd.json is no note of a run" in caplog.text
    assert tracked_runs(tmp_path / "absent") == []
