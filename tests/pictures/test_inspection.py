from __future__ import annotations

import base64
import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.golden import check_golden
from tests.known_pictures import disc, hostile_pictures, save

from dd3g_kedro.core.errors import InvalidImage
from dd3g_kedro.pictures import folder_inspection
from dd3g_kedro.pictures.config import ImageLimits, InspectionConfig
from dd3g_kedro.pictures.decoding import image_id
from dd3g_kedro.pictures.folder_inspection import (
    inspect_folder,
    list_files,
    thumbnails,
)
from dd3g_kedro.pictures.inspection import inspect_image
from dd3g_kedro.pictures.journal import INSPECTOR

ALONE = InspectionConfig(workers=1, thumbnail=32)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    for seed in range(6):
        save(disc(32, seed=seed), tmp_path / "pictures" / f"{seed}.png")
    return tmp_path / "pictures"


@pytest.fixture
def looked_at(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that are inspected from here on."""
    seen: list[str] = []
    inspect = folder_inspection.inspect_with_thumbnail

    def watched(path: Path, *rest):
        seen.append(path.name)
        return inspect(path, *rest)

    monkeypatch.setattr(folder_inspection, "inspect_with_thumbnail", watched)
    return seen


def test_the_id_is_that_of_the_pixels_not_of_the_file(tmp_path: Path):
    pixels = disc()
    rows = [
        inspect_image(save(pixels, tmp_path / name, **options), ImageLimits())
        for name, options in (("a.png", {}), ("b.tiff", {}), ("c.png", {"compress_level": 1}))
    ]
    assert {row.image_id for row in rows} == {image_id(pixels)}
    changed = pixels.copy()
    changed[40, 40, 1] ^= 1
    assert image_id(changed) != image_id(pixels)
    assert image_id(pixels.reshape(48, 192, 4)) != image_id(pixels)


def test_a_hostile_file_is_a_row_with_its_reason(tmp_path: Path):
    for path, words in hostile_pictures(tmp_path / "hostile").items():
        row = inspect_image(path, ImageLimits())
        assert row.file == path.name
        if words in ("opaque", "empty"):  # pictures, of which the expectations will judge
            assert row.problem is None
            assert row.measures is not None
        else:
            assert words in str(row.problem), path
            assert row.image_id is None
            assert str(tmp_path) not in str(row.problem)


def test_subfolders_count_and_what_is_passed_over_is_a_row(pictures: Path, tmp_path: Path):
    save(disc(32), pictures / "more" / "z.png")
    save(disc(32), pictures / ".hidden" / "z.png")
    for name in (".gitignore", "sources.csv", "notes.txt"):
        (pictures / name).write_text("file\n")
    os.mkfifo(pictures / "pipe.png")
    (pictures / "loop.png").symlink_to("loop.png")
    (pictures / "nowhere.png").symlink_to("gone.png")
    (pictures / "again").symlink_to(pictures, target_is_directory=True)
    files, _ = list_files(pictures)
    names = [f.relative_to(pictures).as_posix() for f in files]
    assert names == [*(f"{seed}.png" for seed in range(6)), "more/z.png", "notes.txt"]
    rows = inspect_folder(pictures, tmp_path / "journal", ALONE)
    assert [row.file for row in rows] == sorted(row.file for row in rows)
    told = {row.file: str(row.problem) for row in rows if row.file not in names}
    for file, words in {
        ".gitignore": "begins with a dot",
        ".hidden": "begins with a dot",
        "pipe.png": "no file but a pipe",
        "loop.png": "link that leads nowhere",
        "nowhere.png": "link that leads nowhere",
        "again": "a link to a folder",
    }.items():
        assert words in told.pop(file)
    assert told == {}
    assert list(thumbnails(pictures, tmp_path / "journal", ALONE, ["again"])) == [None]


def test_a_folder_that_cannot_be_read_is_a_row(pictures: Path, tmp_path: Path, monkeypatch):
    save(disc(32), pictures / "locked" / "z.png")
    scandir = os.scandir

    def refused(place):
        if Path(place).name == "locked":
            raise PermissionError(13, "Permission denied", str(place))
        return scandir(place)

    monkeypatch.setattr(os, "scandir", refused)
    (row,) = (r for r in inspect_folder(pictures, tmp_path / "journal", ALONE) if r.problem)
    assert (row.file, row.problem) == (
        "locked",
        "the folder cannot be read (Permission denied)",
    )


def test_a_png_whose_checksum_does_not_fit_is_damaged(pictures: Path):
    """The decoder alone takes it, with half of its pixels wrong."""
    path = pictures / "0.png"
    content = bytearray(path.read_bytes())
    place = content.index(b"IDAT") + 4
    length = int.from_bytes(content[place - 8 : place - 4], "big")
    stored = content[place + length : place + length + 4]
    content[place + length : place + length + 4] = bytes(byte ^ 255 for byte in stored)
    path.write_bytes(content)
    Image.open(path).load()
    row = inspect_image(path, ImageLimits())
    assert row.image_id is None
    assert "damaged, the checksum of its chunk IDAT" in str(row.problem)


def test_a_file_swapped_at_equal_size_and_time_is_inspected_again(
    pictures: Path, tmp_path: Path, looked_at
):
    inspect_folder(pictures, tmp_path / "journal", ALONE)
    path = pictures / "3.png"
    before = path.stat()
    path.write_bytes(b"x" * before.st_size)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    rows = inspect_folder(pictures, tmp_path / "journal", ALONE)
    assert looked_at[6:] == ["3.png"]
    assert "not a picture" in str(rows[3].problem)


@pytest.mark.parametrize("line", [b"[]", b"{}", b'{"stamp": 3, "row": {"file": "a"}}', b"\xff"])
def test_a_line_that_cannot_be_read_ends_the_journal(
    pictures: Path, tmp_path: Path, looked_at, line: bytes
):
    first = inspect_folder(pictures, tmp_path / "journal", ALONE)
    (journal,) = (tmp_path / "journal").glob("*.jsonl")
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join([*lines[:4], line + b"\n", *lines[5:]]))
    assert inspect_folder(pictures, tmp_path / "journal", ALONE) == first
    assert looked_at[6:] == ["3.png", "4.png", "5.png"]


def test_a_journal_of_something_else_stays(pictures: Path, tmp_path: Path, looked_at):
    other = InspectionConfig(workers=1, thumbnail=16)
    for config in (ALONE, other, ALONE, other):
        inspect_folder(pictures, tmp_path / "journal", config)
    assert len(looked_at) == 12
    assert len(list((tmp_path / "journal").glob("*.jsonl"))) == 2


def test_measures_do_not_change_unseen(pictures: Path):
    """Raise INSPECTOR when this fails for a reason: kept verdicts are then made anew."""
    found = []
    for path in sorted(pictures.glob("*.png"))[:3]:
        row = inspect_image(path, ImageLimits()).flat()
        numbers = [v for key, v in row.items() if key != "bytes" and isinstance(v, int | float)]
        found += [*map(float, numbers), int(str(row["image_id"]), 16) % 997]
    check_golden(INSPECTOR, found, atol=1e-3)


@pytest.mark.parametrize("names", [[], ["notes.txt", "sources.csv"]])
def test_a_folder_without_pictures_is_refused(tmp_path: Path, names: list[str]):
    for name in names:
        (tmp_path / name).write_text("file\n")
    with pytest.raises(InvalidImage, match=f"{tmp_path}: expected a folder with pictures"):
        inspect_folder(tmp_path, tmp_path / "journal", ALONE)


def test_a_name_that_is_not_utf_8_is_a_row(pictures: Path, tmp_path: Path):
    (pictures / "0.png").rename(pictures / os.fsdecode(b"\xff\n.png"))
    rows = inspect_folder(pictures, tmp_path / "journal", ALONE)
    (bad,) = (row for row in rows if row.problem)
    assert bad.file == "\\xff\\n.png"
    assert "rename" in str(bad.problem)
    bad.file.encode()


def test_several_processes_give_the_rows_of_one(tmp_path: Path):
    for seed in range(100):
        save(disc(24, seed=seed), tmp_path / "pictures" / f"{seed:03d}.png")
    hostile_pictures(tmp_path / "pictures" / "hostile")
    rows = [
        inspect_folder(tmp_path / "pictures", tmp_path / f"journal{n}", InspectionConfig(workers=n))
        for n in (1, 2)
    ]
    assert rows[0] == rows[1]
    assert [row.file for row in rows[0]] == sorted(row.file for row in rows[0])


def test_what_was_inspected_is_not_inspected_again(pictures: Path, tmp_path: Path, looked_at):
    first = inspect_folder(pictures, tmp_path / "journal", ALONE)
    assert len(looked_at) == 6
    assert inspect_folder(pictures, tmp_path / "journal", ALONE) == first
    assert len(looked_at) == 6


def test_a_changed_file_is_inspected_again_and_a_deleted_one_forgotten(
    pictures: Path, tmp_path: Path, looked_at
):
    inspect_folder(pictures, tmp_path / "journal", ALONE)
    save(disc(32, seed=99), pictures / "3.png")
    os.utime(pictures / "3.png", ns=(1, 1))
    (pictures / "4.png").unlink()
    rows = inspect_folder(pictures, tmp_path / "journal", ALONE)
    assert looked_at[6:] == ["3.png"]
    assert [row.file for row in rows] == ["0.png", "1.png", "2.png", "3.png", "5.png"]
    assert rows[3].image_id == image_id(disc(32, seed=99))


def test_other_limits_begin_anew(pictures: Path, tmp_path: Path, looked_at):
    inspect_folder(pictures, tmp_path / "journal", ALONE)
    other = InspectionConfig(workers=1, thumbnail=32, limits=ImageLimits(max_megapixels=0.0001))
    assert all(row.problem for row in inspect_folder(pictures, tmp_path / "journal", other))
    assert len(looked_at) == 12


@pytest.mark.parametrize("kept", [0.3, 0.6, 0.95])
def test_a_journal_cut_anywhere_goes_on_and_ends_the_same(
    pictures: Path, tmp_path: Path, looked_at, kept: float
):
    first = inspect_folder(pictures, tmp_path / "journal", ALONE)
    (journal,) = (tmp_path / "journal").glob("*.jsonl")
    whole = journal.read_bytes()
    journal.write_bytes(whole[: int(kept * len(whole))])
    assert inspect_folder(pictures, tmp_path / "journal", ALONE) == first
    assert 6 < len(looked_at) < 12
    assert journal.read_bytes() == whole


def test_an_interrupted_inspection_keeps_what_it_had(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, looked_at
):
    monkeypatch.setattr(folder_inspection, "_PORTION", 1)
    watched = folder_inspection.inspect_with_thumbnail

    def interrupted(path: Path, *rest):
        if path.name == "4.png":
            raise KeyboardInterrupt
        return watched(path, *rest)

    monkeypatch.setattr(folder_inspection, "inspect_with_thumbnail", interrupted)
    with pytest.raises(KeyboardInterrupt):
        inspect_folder(pictures, tmp_path / "journal", ALONE)
    monkeypatch.setattr(folder_inspection, "inspect_with_thumbnail", watched)
    looked_at.clear()
    assert len(inspect_folder(pictures, tmp_path / "journal", ALONE)) == 6
    assert looked_at == ["4.png", "5.png"]


def test_thumbnails_come_in_the_order_asked_for(pictures: Path, tmp_path: Path):
    (pictures / "broken.png").write_bytes(b"no")
    inspect_folder(pictures, tmp_path / "journal", ALONE)
    names = ["5.png", "broken.png", "0.png"]
    fifth, broken, _ = thumbnails(pictures, tmp_path / "journal", ALONE, names)
    assert broken is None
    head, _, content = str(fifth).partition(",")
    assert head == "data:image/webp;base64"
    shown = np.asarray(Image.open(io.BytesIO(base64.b64decode(content))))
    apart = np.abs(shown.astype(int) - disc(32, seed=5))[disc(32)[..., 3] == 255]
    assert apart.mean() < 12


def test_inspecting_needs_no_torch():
    """Every process of the pool would wait for it and hold its memory."""
    code = "import sys, dd3g_kedro.pictures.folder_inspection; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
