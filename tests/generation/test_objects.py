"""A generated object's folder is whole, repeats to the byte, and bad pictures are told."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tests.known_objects import drawing, png

from dd3g_kedro.core.errors import InvalidImage
from dd3g_kedro.core.types import Gaussians
from dd3g_kedro.formats.ply import read_ply
from dd3g_kedro.generation.objects import (
    generated_objects,
    make_object,
    output_names,
    views_around,
    write_object,
)
from dd3g_kedro.generation.sources import find_pictures

FILES = {"object.ply", "object.splat", "sheet.png", "turntable.webp"}


def save_picture(path: Path, seed: int = 0) -> Path:
    path.write_bytes(png(drawing(seed)))
    return path


def test_a_folder_holds_what_was_made(student, config, tmp_path):
    made = make_object(student, drawing(), 0, config)
    write_object(tmp_path / "thing", made)
    assert {path.name for path in (tmp_path / "thing").iterdir()} == FILES
    count = student.config.pepd.gaussians
    assert (tmp_path / "thing" / "object.splat").stat().st_size == 32 * count
    read = read_ply(tmp_path / "thing" / "object.ply")
    torch.testing.assert_close(read.means, made.gaussians.means.cpu())
    with Image.open(tmp_path / "thing" / "turntable.webp") as turning:
        assert (turning.n_frames, turning.size) == (4, (32, 32))


def test_a_seed_gives_the_same_bytes(student, config, tmp_path):
    for name in ("a", "b"):
        write_object(tmp_path / name, make_object(student, drawing(), 3, config))
    for file in FILES:
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes(), file


def test_writing_again_replaces_the_folder_whole(student, config, tmp_path):
    target = tmp_path / "thing"
    target.mkdir()
    (target / "left over").touch()
    write_object(target, make_object(student, drawing(), 0, config))
    assert {path.name for path in target.iterdir()} == FILES
    assert [path.name for path in tmp_path.iterdir()] == ["thing"]


def test_a_failing_write_leaves_the_old_folder(student, config, tmp_path):
    target = tmp_path / "thing"
    write_object(target, make_object(student, drawing(), 0, config))
    before = (target / "object.ply").read_bytes()
    made = make_object(student, drawing(), 1, config)
    broken = replace(made, frames=made.frames[:0])  # the last file cannot be written
    with pytest.raises(ValueError, match="not enough values"):
        write_object(target, broken)
    assert (target / "object.ply").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["thing"]


def test_the_turntable_goes_anticlockwise_seen_from_above(config):
    """A red ball on the object's left (+y) faces the camera a quarter turn after the front."""
    red = torch.tensor([[[0.0, 0.45, 0.0]], [[0.0, 0.0, 0.0]]]).reshape(1, 2, 3)
    ball = Gaussians(
        means=red,
        log_scales=torch.full((1, 2, 3), -2.5),
        quaternions=torch.tensor([1.0, 0, 0, 0]).expand(1, 2, 4).contiguous(),
        colors=torch.tensor([[[1.0, 0, 0], [0, 0, 1.0]]]),
        opacities=torch.full((1, 2), 0.99),
    )
    views = views_around(ball, 4, config.pictures, 1.0).astype(int)
    redness = (views[:, 16, 16, 0] - views[:, 16, 16, 2]).tolist()
    assert redness[1] > 150  # only from +y does the red ball hide the blue one
    assert max(redness[0], redness[2], redness[3]) < -150


def test_alike_names_are_numbered(config):
    pictures = [Path("a/mug.png"), Path("b/mug.jpg"), Path("mug-2.png")]
    assert output_names(pictures, config) == ["mug", "mug-2", "mug-2-2"]


def test_one_name_cannot_serve_several_pictures(config):
    named = replace(config, name="mine")
    assert output_names([Path("a.png")], named) == ["mine"]
    with pytest.raises(ValueError, match=r"generate\.name .* 2 pictures"):
        output_names([Path("a.png"), Path("b.png")], named)


def test_variants_have_their_seeds_in_their_names(student, config, tmp_path):
    picture = save_picture(tmp_path / "mug.png")
    made = dict(generated_objects([picture], student, replace(config, seed=4, variants=2)))
    assert list(made) == ["mug-seed4", "mug-seed5"]
    single = dict(generated_objects([picture], student, replace(config, seed=5)))
    np.testing.assert_array_equal(made["mug-seed5"].frames, single["mug"].frames)


def test_a_bad_picture_is_told_and_the_others_go_on(student, config, tmp_path, caplog):
    good = save_picture(tmp_path / "good.png")
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"<html>not a picture</html>")
    with caplog.at_level(logging.WARNING):
        made = dict(generated_objects([bad, good, tmp_path / "gone.png"], student, config))
    assert list(made) == ["good"]
    assert "bad.png" in caplog.text
    assert "gone.png" in caplog.text
    assert "2 of 3 pictures could not be used" in caplog.text


def test_no_usable_picture_is_an_error(student, config, tmp_path):
    rng = np.random.default_rng(0)
    busy = tmp_path / "busy.jpg"
    Image.fromarray(rng.integers(0, 255, (64, 64, 3), np.uint8)).save(busy)
    with pytest.raises(InvalidImage, match=r"^\S*busy\.jpg: opaque"):
        list(generated_objects([busy], student, config))
    with pytest.raises(InvalidImage, match=r"none of 2 pictures .*busy\.jpg: opaque"):
        list(generated_objects([busy, tmp_path / "gone.png"], student, config))


def test_a_photograph_on_a_plain_ground_is_cut_out(student, config, tmp_path):
    photo = np.full((120, 160, 3), 235, np.uint8)
    photo[30:90, 50:110] = (180, 40, 60)
    Image.fromarray(photo).save(tmp_path / "photo.png")
    ((_, made),) = generated_objects([tmp_path / "photo.png"], student, config)
    assert (made.given[0, 0] == 255).all()  # the grey ground is gone
    assert np.abs(made.given[16, 16].astype(int) - (180, 40, 60)).max() < 6


def test_a_folder_gives_its_pictures_by_name(tmp_path):
    for name in ("b.png", "a.PNG", ".hidden.png", "notes.txt"):
        save_picture(tmp_path / name)
    assert [path.name for path in find_pictures(str(tmp_path))] == ["a.PNG", "b.png"]
    assert find_pictures([str(tmp_path / "b.png"), "x"]) == [tmp_path / "b.png", Path("x")]


def test_nothing_to_lift_says_what_to_give(tmp_path):
    with pytest.raises(InvalidImage, match=r"found nothing .*--params image="):
        find_pictures(str(tmp_path / "photo.png"))
    (tmp_path / "notes.txt").touch()
    with pytest.raises(InvalidImage, match="found none among its 1 entries"):
        find_pictures(str(tmp_path))
    for nonsense in (None, "", [], {"a": 1}, True):
        with pytest.raises(ValueError, match="image: expected a path"):
            find_pictures(nonsense)
