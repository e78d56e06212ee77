from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageFilter
from tests.known_pictures import disc, hostile_pictures, save

from dd3g_kedro.expectations import ImageTable
from dd3g_kedro.pictures.config import ImageCriteria, ImageLimits
from dd3g_kedro.pictures.decisions import Decision
from dd3g_kedro.pictures.inspection import ImageRow, inspect_image
from dd3g_kedro.pictures.sources import ImageSource
from dd3g_kedro.pictures.table import as_table

CRITERIA = ImageCriteria()


def table_of(folder: Path) -> pd.DataFrame:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return as_table([inspect_image(path, ImageLimits(), folder) for path in files])


def judge(folder: Path, decisions=(), criteria=CRITERIA, sources=None) -> pd.DataFrame:
    from dd3g_kedro.expectations.judging import judge_images

    table = judge_images(table_of(folder), sources or {}, decisions, criteria)
    return table.set_index("file", drop=False)


def decision(image_id: str, accept: bool, note: str = "", by: str = "") -> Decision:
    return Decision(image_id=image_id, accept=accept, note=note, by=by, line=2)


def blurred(pixels: np.ndarray) -> np.ndarray:
    picture = Image.fromarray(pixels).convert("RGBa").filter(ImageFilter.GaussianBlur(6))
    return np.asarray(picture.convert("RGBA"))


def crumbs() -> np.ndarray:
    pixels = np.zeros((128, 128, 4), dtype=np.uint8)
    for top in range(8, 120, 16):
        for left in range(8, 120, 16):
            pixels[top : top + 6, left : left + 6] = (200, 90, 2 * top, 255)
    return pixels


def six_discs() -> np.ndarray:
    centres = [(0.2, 0.2), (0.2, 0.5), (0.2, 0.8), (0.5, 0.35), (0.5, 0.65), (0.8, 0.5)]
    return np.maximum.reduce([disc(128, c, 0.11, seed=i) for i, c in enumerate(centres)])


def white() -> np.ndarray:
    pixels = disc(128)
    pixels[..., :3] = 255
    return pixels


FLAWS = {
    "small.png": (disc(48), "too small: 48 x 48 pixels, the shorter side needs 64"),
    "dot.png": (disc(128, radius=0.04), "covers 0.5% of the picture, less than 1.0%"),
    "cut.png": (disc(128, (0.5, 0.1)), "touches the border on 1 side (56% of the top)"),
    "corner.png": (disc(128, (0.12, 0.88), 0.1), "off centre: the object's middle is 54%"),
    "crumbs.png": (crumbs(), "49 unconnected pieces, more than 24"),
    "several.png": (six_discs(), "the largest of 6 pieces holds 17%"),
    "blurred.png": (blurred(disc(128)), "blurred: sharpness 0."),
    "white.png": (white(), "100% of the object is pure black or white, mostly white: overexposed"),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for seed in range(4):
        save(disc(96, seed=seed), tmp_path / "pictures" / f"{seed}.png")
    return tmp_path / "pictures"


def test_good_pictures_are_accepted_without_reasons(folder: Path):
    table = judge(folder)
    assert table["accepted"].all()
    assert set(table["reasons"]) == {""}
    assert set(table["decided_by"]) == {"expectations"}


def test_every_flaw_is_found_and_told(folder: Path):
    for name, (pixels, _) in FLAWS.items():
        save(pixels, folder / name)
    table = judge(folder)
    assert set(table[table["accepted"]].index) == {f"{seed}.png" for seed in range(4)}
    for name, (_, words) in FLAWS.items():
        assert words in table.loc[name, "reasons"], name


def test_hostile_pictures_are_rejected_rows_that_say_why(folder: Path):
    hostile = hostile_pictures(folder / "hostile")
    table = judge(folder)
    assert len(table) == 4 + len(hostile)
    for path, words in hostile.items():
        row = table.loc[path.relative_to(folder).as_posix()]
        assert not row["accepted"]
        assert words in row["reasons"], path
    assert table["accepted"].sum() == 4


def test_an_unusable_picture_is_not_judged_further(folder: Path):
    solid = disc(32)
    solid[..., 3] = 255
    save(solid, folder / "solid.png")
    assert judge(folder).loc["solid.png", "reasons"] == (
        "opaque: no transparency (mode RGBA); remove the background and save it as PNG with "
        "transparency"
    )


def test_a_copy_and_a_near_duplicate_name_the_first(folder: Path):
    pixels = disc(96, seed=1)
    save(pixels, folder / "copy.png")
    small = np.asarray(Image.fromarray(pixels).resize((80, 80)))
    save(small, folder / "zoomed.png")
    table = judge(folder)
    assert table.loc["1.png", "reasons"] == "identical to copy.png: the same pixels" or (
        table.loc["copy.png", "reasons"] == "identical to 1.png: the same pixels"
    )
    near = table.loc["zoomed.png"]
    assert near["reasons"].startswith("near-duplicate of 1.png (distance ")
    assert near["nearest_file"] in ("1.png", "copy.png")
    assert near["nearest_distance"] <= CRITERIA.duplicate_distance
    assert judge(folder, criteria=replace(CRITERIA, duplicate_distance=-1))["accepted"].sum() == 5


def test_the_first_of_two_alike_is_not_lost_to_a_rejected_one(folder: Path):
    """What is rejected already cannot make another a duplicate."""
    pixels = disc(96, seed=1)
    solid = pixels.copy()
    solid[..., 3] = 255
    save(solid, folder / "0-solid.png")
    table = judge(folder, [decision(judge(folder).loc["1.png", "image_id"], accept=False)])
    assert not table.loc["1.png", "accepted"]
    save(np.asarray(Image.fromarray(pixels).resize((80, 80))), folder / "zoomed.png")
    table = judge(folder, [decision(table.loc["1.png", "image_id"], accept=False)])
    assert table.loc["zoomed.png", "accepted"]


def test_a_person_overrules_both_ways_and_is_named(folder: Path):
    save(FLAWS["cut.png"][0], folder / "cut.png")
    before = judge(folder)
    table = judge(
        folder,
        [
            decision(before.loc["cut.png", "image_id"], accept=True, note="a rug", by="Ada"),
            decision(before.loc["0.png", "image_id"], accept=False, note="ugly"),
        ],
    )
    ImageTable().validate(table)
    cut, first = table.loc["cut.png"], table.loc["0.png"]
    assert (cut["accepted"], cut["decided_by"], cut["note"]) == (True, "Ada", "a rug")
    assert "touches the border" in cut["reasons"]
    assert (first["accepted"], first["decided_by"]) == (False, "a person")
    assert first["reasons"] == "rejected by a person: ugly"
    assert (table["decided_by"] == "expectations").sum() == 3


def test_a_person_keeps_a_near_duplicate_but_not_a_second_copy(folder: Path):
    pixels = disc(96, seed=1)
    save(pixels, folder / "copy.png")
    save(np.asarray(Image.fromarray(pixels).resize((80, 80))), folder / "zoomed.png")
    ids = judge(folder)["image_id"]
    table = judge(folder, [decision(ids["zoomed.png"], True), decision(ids["copy.png"], True)])
    assert table.loc["zoomed.png", "accepted"]
    assert table.loc[["1.png", "copy.png"], "accepted"].sum() == 1


def test_a_decision_on_a_stranger_or_on_an_unusable_picture_is_told(
    folder: Path, caplog: pytest.LogCaptureFixture
):
    solid = disc(96)
    solid[..., 3] = 255
    save(solid, folder / "solid.png")
    identity = judge(folder).loc["solid.png", "image_id"]
    with caplog.at_level(logging.WARNING, logger="dd3g_kedro"):
        table = judge(folder, [decision("0" * 16, True), decision(identity, True)])
    assert not table.loc["solid.png", "accepted"]
    told = [r.getMessage() for r in caplog.records if r.name.startswith("dd3g_kedro")]
    assert any(f"line 2: no picture of the folder has the image_id {'0' * 16}" in t for t in told)
    assert any("line 2: solid.png cannot be accepted (opaque" in t for t in told)


def test_sources_stand_in_the_table(folder: Path):
    source = ImageSource(source="KayKit", licence="CC0-1.0", author="Kay", prompt="a disc")
    table = judge(folder, sources={"2.png": source})
    row = table.loc["2.png"]
    assert (row["source"], row["licence"], row["prompt"]) == ("KayKit", "CC0-1.0", "a disc")
    assert table.loc["1.png", "licence"] == ""


def test_a_folder_of_only_broken_files_is_a_table_of_rejections(tmp_path: Path):
    (tmp_path / "a.png").write_bytes(b"")
    (tmp_path / "b.png").write_bytes(b"no")
    table = ImageTable().validate(judge(tmp_path))
    assert not table["accepted"].any()
    assert table["reasons"].str.len().min() > 10


def test_the_table_survives_its_file(folder: Path, tmp_path: Path):
    hostile_pictures(folder / "hostile")
    table = ImageTable().validate(judge(folder).reset_index(drop=True))
    table.to_parquet(tmp_path / "table.parquet")
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "table.parquet"), table)


def test_columns_have_the_same_types_for_every_folder(folder: Path, tmp_path: Path):
    broken = ImageRow(file="a.png", bytes=0, problem="empty")
    assert as_table([broken]).dtypes.to_dict() == table_of(folder).dtypes.to_dict()


BREACHES = {
    "an id twice": ({"image_id": "0" * 16}, "no two accepted pictures have the same pixels"),
    "a bad id": ({"image_id": "zebra"}, "16 hexadecimal digits"),
    "no id": ({"image_id": None}, "an accepted picture has an id"),
    "a share above 1": ({"coverage": 1.5}, "coverage is a share"),
    "nothing visible": ({"coverage": 0.0}, "an accepted picture shows something"),
    "rejected without a reason": ({"accepted": False}, "a rejected row has reasons"),
    "a file twice": ({"file": "0.png"}, "a file has one row"),
    "nobody decided": ({"decided_by": None}, "every row says who decided"),
}


@pytest.fixture(scope="module")
def good_table(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    folder = tmp_path_factory.mktemp("pictures")
    for seed in range(2):
        save(disc(96, seed=seed), folder / f"{seed}.png")
    return judge(folder).reset_index(drop=True)


@pytest.mark.parametrize("name", BREACHES)
def test_the_gate_refuses_a_table_that_breaks_a_promise(good_table: pd.DataFrame, name: str):
    changes, words = BREACHES[name]
    table = good_table.copy()
    for column, value in changes.items():
        table[column] = value
    with pytest.raises(ValueError, match=words):
        ImageTable().validate(table)


def test_the_gate_refuses_a_table_without_a_column_or_rows(good_table: pd.DataFrame):
    with pytest.raises(ValueError, match="there is a column licence"):
        ImageTable().validate(good_table.drop(columns="licence"))
    with pytest.raises(ValueError, match="the table has rows"):
        ImageTable().validate(good_table[:0])
