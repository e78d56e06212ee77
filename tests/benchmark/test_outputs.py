"""Another system's folder becomes a row of the table, or says what is wrong with it."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tests.known_objects import SIZE, drawing, png, stored_views, views_table

from dd3g_kedro.benchmark.comparison import compare
from dd3g_kedro.benchmark.methods.lifters import Lifted, extrude
from dd3g_kedro.benchmark.methods.outputs import StoredPictures, stored_outputs
from dd3g_kedro.benchmark.truth.views import ring
from dd3g_kedro.core.errors import InvalidGaussians, InvalidImage
from dd3g_kedro.core.geometry import CameraRig
from dd3g_kedro.core.objective.background import composite
from dd3g_kedro.formats.ply import write_ply

AROUND = ring([0.0, 90.0, 180.0, 270.0], [5.0] * 4, CameraRig())
WHITE = torch.ones(1, 3)


@pytest.fixture
def named(sighting):
    return replace(sighting, object_id="boxes/a")


def pictures(folder: Path, name: str = "boxes/a", count: int = 4, size: int = SIZE) -> Path:
    for view in range(count):
        path = folder / name / f"{view:03d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png(drawing(view, size)))
    return folder


def test_stored_gaussians_are_the_ones_that_were_written(tmp_path, named):
    write_ply(extrude(named), tmp_path / "boxes" / "a.ply")
    method = stored_outputs(tmp_path)
    assert isinstance(method, Lifted)
    found = method(named, AROUND, SIZE, WHITE)
    torch.testing.assert_close(
        found, Lifted(lambda *_: extrude(named))(named, AROUND, SIZE, WHITE), rtol=0, atol=1e-3
    )


def test_stored_pictures_come_in_the_order_of_their_names_over_the_background(tmp_path, named):
    method = stored_outputs(pictures(tmp_path))
    grey = torch.full((1, 3), 0.25)
    found = method(named, AROUND, SIZE, grey)
    for view in range(4):
        truth = composite(drawing(view), grey[0])
        torch.testing.assert_close(found[view], truth, rtol=0, atol=1 / 255)


def test_missing_objects_say_what_was_looked_for(tmp_path, named):
    other = replace(named, object_id="b")
    with pytest.raises(FileNotFoundError, match=r"b: expected a folder with this object's views"):
        stored_outputs(pictures(tmp_path / "png"))(other, AROUND, SIZE, WHITE)
    write_ply(extrude(named), tmp_path / "ply" / "a.ply")
    with pytest.raises(FileNotFoundError, match=r"b\.ply: expected this object's Gaussians"):
        stored_outputs(tmp_path / "ply")(other, AROUND, SIZE, WHITE)


@pytest.mark.parametrize("count", [3, 5])
def test_a_wrong_count_is_told(tmp_path, named, count):
    method = StoredPictures(pictures(tmp_path, count=count))
    with pytest.raises(InvalidImage, match=rf"expected 4 pictures .*found {count}"):
        method(named, AROUND, SIZE, WHITE)


def test_a_wrong_size_is_told(tmp_path, named):
    with pytest.raises(InvalidImage, match=r"000\.png: expected 48x48 .*got 24x24"):
        StoredPictures(pictures(tmp_path, size=24))(named, AROUND, SIZE, WHITE)


def test_a_damaged_file_is_told(tmp_path, named):
    (pictures(tmp_path) / "boxes" / "a" / "002.png").write_bytes(b"<html>")
    with pytest.raises(InvalidImage, match=r"002\.png: expected a PNG"):
        StoredPictures(tmp_path)(named, AROUND, SIZE, WHITE)
    shutil.rmtree(tmp_path / "boxes")
    (tmp_path / "boxes").mkdir()
    (tmp_path / "boxes" / "a.ply").write_bytes(b"ply, but not really")
    with pytest.raises(InvalidGaussians, match=r"a\.ply"):
        stored_outputs(tmp_path)(named, AROUND, SIZE, WHITE)


def test_a_folder_of_neither_or_both_kinds_is_told(tmp_path, named):
    with pytest.raises(ValueError, match=r"absent is no folder"):
        stored_outputs(tmp_path / "absent")
    with pytest.raises(ValueError, match="found neither"):
        stored_outputs(tmp_path)
    pictures(tmp_path)
    write_ply(extrude(named), tmp_path / "b.ply")
    with pytest.raises(ValueError, match="found both kinds"):
        stored_outputs(tmp_path)


def test_other_systems_stand_in_the_table_and_miss_only_what_they_lack(student, config, tmp_path):
    folder = pictures(tmp_path / "png", "object0")
    wider = replace(config, outputs={"theirs": folder}, baselines=())
    found = compare(student, stored_views(views_table(2), tmp_path), wider)
    assert found["metrics"]["theirs"]["objects"] == 1
    assert found["metrics"]["theirs"]["aligned_psnr"] is None
    assert found["metrics"]["student"]["objects"] == 2
    assert "- object1 (theirs): " in found["table"]
    assert "expected a folder with this object's views" in found["table"]
