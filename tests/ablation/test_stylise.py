"""Stylised pictures keep the outline and change the rest."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from tests.golden import check_golden
from tests.known_objects import drawing

from dd3g_kedro.ablation.config import Stylisation
from dd3g_kedro.ablation.stylise import MANNERS, STYLIST, stylised, stylised_images, write_stylised
from dd3g_kedro.core.errors import InvalidImage
from dd3g_kedro.pictures.input_images import pictures_in


@pytest.fixture
def pictures(tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    for number in range(2):
        pixels = (drawing(number) * 255).round().byte().permute(1, 2, 0).numpy()
        Image.fromarray(pixels).save(folder / f"{number}.png")
    return pictures_in(folder)


def test_the_outline_is_kept_and_the_colours_are_not(pictures):
    source = np.asarray(Image.open(next(iter(pictures.values()))))
    for seed in range(8):
        other = stylised(source, np.random.default_rng(seed))
        assert np.array_equal(other[..., 3], source[..., 3])
        inside = source[..., 3] > 0
        difference = other[inside, :3].astype(float) - source[inside, :3]
        assert np.abs(difference).mean() > 20
        assert (other[~inside] == 0).all()


def test_manners_differ():
    smooth = np.linspace(0, 255, 48 * 48 * 3).reshape(48, 48, 3).astype(np.uint8)
    smooth[12:36, 12:36] = 255 - smooth[12:36, 12:36]
    drawn = [np.asarray(manner(Image.fromarray(smooth))) for manner in MANNERS]
    for index, one in enumerate(drawn):
        assert one.shape == smooth.shape
        assert all(not np.array_equal(one, other) for other in drawn[:index])


def test_every_variant_has_its_own_file(pictures):
    plan = stylised_images(pictures, Stylisation(variants=3))
    assert len(plan) == len({file for _, file, _ in plan}) == 6
    other = stylised_images(pictures, Stylisation(variants=3, seed=1))
    assert {file for _, file, _ in plan}.isdisjoint(file for _, file, _ in other)


def test_stylised_pictures_do_not_change_unseen(pictures):
    rgba = np.asarray(Image.open(next(iter(pictures.values()))))
    drawn = [stylised(rgba, np.random.default_rng(seed)) for seed in range(6)]
    check_golden(STYLIST, [d.reshape(-1, 4).mean(axis=0) for d in drawn], atol=0.05)


def test_an_interrupted_run_ends_with_the_same_files(pictures, tmp_path):
    how = Stylisation(variants=2)
    whole = write_stylised(pictures, how, tmp_path / "whole")
    cut = write_stylised(dict(list(pictures.items())[:1]), how, tmp_path / "cut")
    (cut / "stale.png").write_bytes(b"")
    write_stylised(pictures, how, cut)
    one, other = ({p.name: p.read_bytes() for p in f.iterdir()} for f in (whole, cut))
    assert one == other
    assert len(set(one.values())) == 4
    again = write_stylised(pictures, how, tmp_path / "again")
    assert one == {p.name: p.read_bytes() for p in again.iterdir()}


def test_a_picture_that_is_gone_or_another_one_is_named(pictures, tmp_path):
    first, second = pictures
    with pytest.raises(InvalidImage, match=r"gone\.png"):
        write_stylised({first: tmp_path / "gone.png"}, Stylisation(), tmp_path / "out")
    with pytest.raises(InvalidImage, match=rf"has changed: expected.*{first}.*found {second}"):
        write_stylised({first: pictures[second]}, Stylisation(), tmp_path / "out")
