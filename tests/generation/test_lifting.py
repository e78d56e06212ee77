"""A seed gives the object again, and the student sees the object where it saw it in training."""

from __future__ import annotations

from dataclasses import fields

import pytest
import torch
from tests.known_objects import drawing

from dd3g_kedro.generation.lifting import generate
from dd3g_kedro.pictures.config import Framing
from dd3g_kedro.pictures.framing import frame, well_framed


def box(height: int, width: int, top: int, left: int, bottom: int, right: int) -> torch.Tensor:
    """An opaque grey rectangle on transparency."""
    rgba = torch.zeros(4, height, width)
    rgba[:3, top:bottom, left:right] = 0.5
    rgba[3, top:bottom, left:right] = 1
    return rgba


def same(first, second) -> bool:
    return all(torch.equal(getattr(first, f.name), getattr(second, f.name)) for f in fields(first))


def test_a_seed_gives_the_same_object_and_another_seed_another(student):
    rgba = drawing()
    first, again, other = (generate(student, rgba, seed) for seed in (5, 5, 6))
    assert same(first, again)
    assert not same(first, other)
    assert first.means.shape == (1, student.config.pepd.gaussians, 3)


def test_what_is_invisible_does_not_matter(student):
    """Colours under zero alpha, and transparent margins that keep the picture square."""
    rgba = drawing()
    painted = rgba.clone()
    painted[:3, rgba[3] == 0] = 0.7
    assert same(generate(student, rgba, 0), generate(student, painted, 0))


@pytest.mark.parametrize(
    ("picture", "fits"),
    [
        (box(100, 100, 15, 15, 85, 85), True),  # as training pictures: centred, 0.7
        (box(100, 100, 30, 20, 70, 80), True),
        (box(100, 100, 0, 0, 100, 100), False),  # fills the picture
        (box(100, 100, 40, 40, 60, 60), False),  # tiny
        (box(100, 100, 30, 0, 70, 60), False),  # to the left
        (box(100, 200, 20, 70, 80, 130), False),  # a wide picture makes it small
        (box(100, 200, 10, 40, 90, 160), True),
        (torch.zeros(4, 50, 50), False),
    ],
)
def test_a_centred_object_of_middle_size_is_well_framed(picture, fits):
    assert well_framed(picture, Framing()) is fits


def test_recentring_brings_any_framing_to_the_students(student):
    """The same object, small in a corner and large in the middle, becomes the same picture."""
    small = frame(box(200, 200, 0, 0, 40, 30), 64, Framing())
    large = frame(box(200, 200, 4, 29, 196, 173), 64, Framing())
    torch.testing.assert_close(small, large, rtol=0, atol=0.25)  # edges: sizes are whole pixels
    assert (small - large).abs().mean() < 0.02
    for picture in (small, large):
        rows = (picture[3] > 0.5).any(dim=1).sum() / 64
        assert float(rows) == pytest.approx(1 - Framing().border_ratio, abs=0.04)


def test_a_huge_photograph_gives_the_picture_of_its_small_copy():
    small = drawing(size=150)
    huge = small.repeat_interleave(8, dim=1).repeat_interleave(8, dim=2)
    for recentre in ("always", "never"):
        framing = Framing(recentre=recentre)
        difference = (frame(small, 32, framing) - frame(huge, 32, framing)).abs()
        assert float(difference[3].mean()) < 0.02  # edges move by part of a pixel


def test_never_keeps_the_place_and_always_moves_it():
    corner = box(64, 64, 0, 0, 40, 30)
    assert torch.equal(frame(corner, 64, Framing(recentre="never")), corner)
    centred = box(64, 64, 16, 16, 48, 48)
    assert torch.equal(frame(centred, 64, Framing()), centred)
    moved = frame(centred, 64, Framing(recentre="always"))
    assert float((moved[3] > 0.5).any(dim=0).sum()) > 40


@pytest.mark.parametrize(
    ("key", "value"),
    [("border_ratio", 0.95), ("centre_tolerance", -1), ("extent", (0.9, 0.2)), ("recentre", "yes")],
)
def test_a_bad_framing_names_its_key(key, value):
    with pytest.raises(ValueError, match=rf"Framing\.{key}"):
        Framing(**{key: value})
