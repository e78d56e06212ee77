from __future__ import annotations

from pathlib import Path

import pytest

from dd3g_kedro.core.errors import InvalidImage
from dd3g_kedro.pictures.decisions import read_decisions
from dd3g_kedro.pictures.sources import ImageSource, read_sources

ONE, OTHER = "0123456789abcdef", "fedcba9876543210"


def decisions(tmp_path: Path, text: str):
    (tmp_path / "decisions.csv").write_text(text, encoding="utf-8")
    return read_decisions(tmp_path / "decisions.csv")


def test_decisions_are_read_with_their_lines(tmp_path: Path):
    lines = f'{ONE},Accept,"fine, after all",Ada\n# later\n{OTHER},reject\n'
    first, second = decisions(tmp_path, f"image_id,decision,note,by\n\n{lines}")
    assert (first.image_id, first.accept, first.note) == (ONE, True, "fine, after all")
    assert (first.by, first.line) == ("Ada", 3)
    assert (second.image_id, second.accept, second.note, second.line) == (OTHER, False, "", 5)


@pytest.mark.parametrize("text", ["", "image_id,decision,note,by\n", "\ufeffimage_id,decision\n"])
def test_a_file_without_lines_decides_nothing(tmp_path: Path, text: str):
    assert decisions(tmp_path, text) == []


def test_no_file_decides_nothing(tmp_path: Path):
    assert read_decisions(tmp_path / "decisions.csv") == []


@pytest.mark.parametrize(
    "line, words",
    [
        (f"{ONE},keep,,", r"line 3: decision must be accept or reject, got 'keep'"),
        ("12ab,accept,,", r"line 3: image_id must be the 16 hexadecimal digits.*'12ab'"),
        (f"{ONE},accept,one, two, three", r"line 3: expected 4 values, found 5"),
        (f"{OTHER},accept,,", rf"line 3: {OTHER} was decided otherwise in line 2"),
    ],
)
def test_a_line_that_is_not_understood_is_named(tmp_path: Path, line: str, words: str):
    with pytest.raises(InvalidImage, match=r"decisions\.csv, " + words):
        decisions(tmp_path, f"image_id,decision,note,by\n{OTHER},reject,,\n{line}\n")


def test_a_file_without_its_columns_is_refused(tmp_path: Path):
    with pytest.raises(InvalidImage, match=r"line 1: expected the columns image_id,decision"):
        decisions(tmp_path, "id;decision\n")


def test_a_spreadsheet_in_another_encoding_is_refused(tmp_path: Path):
    (tmp_path / "decisions.csv").write_bytes("image_id,decision\nä".encode("utf-16"))
    with pytest.raises(InvalidImage, match="UTF-8"):
        read_decisions(tmp_path / "decisions.csv")


def test_sources_are_read_by_file(tmp_path: Path):
    (tmp_path / "sources.csv").write_text(
        "file,name,source,licence,author,prompt\na/b.png,Chair,KayKit,CC0-1.0,Kay,\nc.png,Cup\n"
    )
    sources = read_sources(tmp_path)
    assert sources["a/b.png"] == ImageSource(
        name="Chair", source="KayKit", licence="CC0-1.0", author="Kay"
    )
    assert sources["c.png"] == ImageSource(name="Cup")


def test_a_folder_without_sources_has_none(tmp_path: Path):
    assert read_sources(tmp_path) == {}


@pytest.mark.parametrize(
    "text, words",
    [
        ("name,licence\n", "expected the columns file,"),
        ("", "found nothing"),
        ("file\na.png\na.png\n", r"line 3: a\.png is named a second time"),
    ],
)
def test_sources_that_are_not_understood_are_refused(tmp_path: Path, text: str, words: str):
    (tmp_path / "sources.csv").write_text(text)
    with pytest.raises(InvalidImage, match=words):
        read_sources(tmp_path)
