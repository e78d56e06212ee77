"""A turntable keeps its background, its colours, its pace and its bytes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dd3g_kedro.formats.turntable import spread, write_turntable


@pytest.fixture
def frames() -> np.ndarray:
    """A shaded disc that moves over white."""
    y, x = np.mgrid[:48, :48].astype(float)
    pictures = []
    for step in range(5):
        inside = (x - 18 - 3 * step) ** 2 + (y - 24) ** 2 < 14**2
        disc = np.stack([60 + 3 * x, 200 - 2 * y, 40 + x + y], axis=-1)
        pictures.append(np.where(inside[..., None], disc, 255).astype(np.uint8))
    return np.stack(pictures)


def read_frames(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        shown = []
        for index in range(picture.n_frames):
            picture.seek(index)
            shown.append(np.array(picture.convert("RGB")))
    return np.stack(shown)


def test_background_stays_white_but_for_the_outline(frames, tmp_path):
    write_turntable(tmp_path / "a.webp", frames, 80)
    shown = read_frames(tmp_path / "a.webp")
    assert shown.shape == frames.shape
    background = (frames == 255).all(axis=-1)
    assert 255 - shown[background].mean() < 1
    assert np.median(shown[background]) == 255


def test_colours_are_within_a_few_levels(frames, tmp_path):
    write_turntable(tmp_path / "a.webp", frames, 80)
    error = np.abs(read_frames(tmp_path / "a.webp").astype(float) - frames)
    assert error.mean() < 2


def test_it_turns_without_an_end_at_its_pace(frames, tmp_path):
    write_turntable(tmp_path / "a.webp", frames, 80)
    with Image.open(tmp_path / "a.webp") as picture:
        assert (picture.info["loop"], picture.n_frames) == (0, len(frames))
        picture.seek(2)
        picture.load()
        assert picture.info["duration"] == 80


def test_same_frames_give_the_same_bytes(frames, tmp_path):
    for name in ("a.webp", "b.webp"):
        write_turntable(tmp_path / name, frames, 80)
    assert (tmp_path / "a.webp").read_bytes() == (tmp_path / "b.webp").read_bytes()


def test_an_empty_picture_is_only_background(tmp_path):
    write_turntable(tmp_path / "a.webp", np.full((2, 8, 8, 3), 255, np.uint8), 80)
    assert (read_frames(tmp_path / "a.webp") == 255).all()


def test_azimuths_start_at_the_front_and_close_the_circle():
    assert spread(4) == [0, 90, 180, 270]
