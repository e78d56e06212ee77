from __future__ import annotations

import json
import math
import re
from pathlib import Path

import pandas as pd
import pytest

from dd3g_kedro.pictures.config import ContactSheetConfig
from dd3g_kedro.pictures.contact_sheet import COLUMNS, write_contact_sheet

URI = "data:image/webp;base64,AAAA"


def rows(count: int, **values: object) -> list[dict]:
    one = dict.fromkeys(COLUMNS, "x") | {"accepted": True, "coverage": 1 / 3, "width": 64}
    return [one | {"file": f"{n}.png"} | values for n in range(count)]


def list_in(page: str, name: str) -> list:
    found = re.search(rf"const {name} = (\[.*?\n\]);\n", page, re.DOTALL)
    assert found
    return json.loads(re.sub(r",\n\]$", "]", found[1]))


def test_the_page_holds_every_row_and_small_pictures_and_asks_for_nothing_else(tmp_path: Path):
    table = rows(3)
    page = write_contact_sheet(tmp_path / "sheet", table, iter([URI, None, URI]), _up_to(3))
    text = page.read_text("utf-8")
    shown = [dict(zip(COLUMNS, values, strict=True)) for values in list_in(text, "ROWS")]
    assert shown == [row | {"coverage": 0.3333} for row in table]
    assert list_in(text, "EMBEDDED") == [URI, None, URI]
    assert not re.search(r"https?://|@import|<link", text)
    assert [p.name for p in (tmp_path / "sheet").iterdir()] == ["index.html"]


def _up_to(count: int) -> ContactSheetConfig:
    return ContactSheetConfig(embed_up_to=count)


def test_many_pictures_lie_in_few_files_beside_the_page(tmp_path: Path):
    given = (f"{URI}{n}" for n in range(601))
    page = write_contact_sheet(tmp_path / "sheet", rows(601), given, _up_to(600))
    assert "EMBEDDED = [\n];" in page.read_text("utf-8")
    found = []
    for number, path in enumerate(sorted((tmp_path / "sheet" / "thumbnails").iterdir())):
        call = re.fullmatch(r"arrived\((\d+), (\[.*\])\);\n", path.read_text(), re.DOTALL)
        assert call
        assert int(call[1]) == number == int(path.stem)
        found += json.loads(re.sub(r",\n\]$", "]", call[2]))
    assert found == [f"{URI}{n}" for n in range(601)]
    assert number == 2


def test_missing_values_are_empty_whatever_says_so(tmp_path: Path):
    absent = {"image_id": None, "sharpness": math.nan, "parts": pd.NA, "note": float("nan")}
    page = write_contact_sheet(tmp_path / "sheet", rows(1, **absent), [None], _up_to(1))
    (values,) = list_in(page.read_text("utf-8"), "ROWS")
    shown = dict(zip(COLUMNS, values, strict=True))
    assert [shown[name] for name in absent] == [None] * 4


def test_a_file_s_name_cannot_become_a_tag(tmp_path: Path):
    name = "</script><script>alert(1)</script>.png"
    page = write_contact_sheet(tmp_path / "sheet", rows(1, file=name), [None], _up_to(1))
    text = page.read_text("utf-8")
    assert name not in text
    assert list_in(text, "ROWS")[0][0] == name
    assert text.count("<script>") == 1


def test_a_failure_leaves_the_earlier_page(tmp_path: Path):
    write_contact_sheet(tmp_path / "sheet", rows(1), [URI], _up_to(1))
    before = (tmp_path / "sheet" / "index.html").read_text()

    def interrupted():
        yield URI
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_contact_sheet(tmp_path / "sheet", rows(2), interrupted(), _up_to(2))
    assert (tmp_path / "sheet" / "index.html").read_text() == before
    assert [p.name for p in tmp_path.iterdir()] == ["sheet"]
