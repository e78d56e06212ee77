"""Stylised pictures keep the outline and change the rest."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from tests.known_objects import drawing

from dd3g_kedro.ablation.config import Stylisation
from dd3g_kedro.ablation.stylise import MANNERS, stylised, stylised_images, write_stylised
from dd3g_kedro.core.errors import InvalidImage
from dd3g_kedro.core.quadruples.sampling import SourceImage

IMAGES = [SourceImage(f"{number:016x}", f"{number}.png") for number in range(2)]


@pytest.fixture
def pictures(tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    for number, image in enumerate(IMAGES):
        pixels = (drawing(number) * 255).round().byte().permute(1, 2, 0).numpy()
        Image.fromarray(pixels).save(folder / image.file)
    return folder


def test_the_outline_is_kept_and_the_colours_are_not(pictures):
    source = np.asarray(Image.open(pictures / "0.png"))
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


def test_every_variant_has_its_own_file_and_id():
    plan = stylised_images(IMAGES, Stylisation(variants=3))
    assert len(plan) == len({made.file for _, made, _ in plan}) == 6
    assert len({made.image_id for _, made, _ in plan}) == 6
    other = stylised_images(IMAGES, Stylisation(variants=3, seed=1))
    assert {made.file for _, made, _ in plan}.isdisjoint(made.file for _, made, _ in other)


def test_an_interrupted_run_ends_with_the_same_files(pictures, tmp_path):
    how = Stylisation(variants=2)
    whole = write_stylised(IMAGES, pictures, how, tmp_path / "whole")
    cut = write_stylised(IMAGES[:1], pictures, how, tmp_path / "cut")
    (cut / "stale.png").write_bytes(b"")
    write_stylised(IMAGES, pictures, how, cut)
    one, other = ({p.name: p.read_bytes() for p in f.iterdir()} for f in (whole, cut))
    assert one == other
    assert len(set(one.values())) == 4
    assert one == {
        p.name: p.read_bytes()
        for p in write_stylised(IMAGES, pictures, how, tmp_path / "again").iterdir()
    }


def test_a_picture_that_is_gone_is_named(pictures, tmp_path):
    gone = [replace(IMAGES[0], file="gone.png")]
    with pytest.raises(InvalidImage, match=r"gone\.png"):
        write_stylised(gone, pictures, Stylisation(), tmp_path / "out")
