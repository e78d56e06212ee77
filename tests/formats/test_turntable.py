"""A turntable keeps its background, its colours and its bytes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dd3g_kedro.formats.turntable import common_palette, spread, write_gif

WHITE = (255, 255, 255)


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


def test_background_stays_exactly_as_it_was(frames, tmp_path):
    write_gif(tmp_path / "a.gif", frames, 80, WHITE)
    shown = read_frames(tmp_path / "a.gif")
    assert shown.shape == frames.shape
    background = (frames == 255).all(axis=-1)
    assert (shown[background] == 255).all()


def test_colours_are_within_a_few_levels(frames, tmp_path):
    write_gif(tmp_path / "a.gif", frames, 80, WHITE)
    error = np.abs(read_frames(tmp_path / "a.gif").astype(float) - frames)
    assert error.mean() < 2
    assert error.max() < 24


def test_frames_that_stand_still_do_not_flicker(frames, tmp_path):
    pair = np.stack([frames[0], frames[0].copy(), frames[1]])
    pair[1, 0, 0] = 254  # else the writer would merge equal frames
    write_gif(tmp_path / "a.gif", pair, 80, WHITE)
    shown = read_frames(tmp_path / "a.gif")
    np.testing.assert_array_equal(shown[0, 1:], shown[1, 1:])


def test_same_frames_give_the_same_bytes(frames, tmp_path):
    for name in ("a.gif", "b.gif"):
        write_gif(tmp_path / name, frames, 80, WHITE)
    assert (tmp_path / "a.gif").read_bytes() == (tmp_path / "b.gif").read_bytes()


def test_few_colours_are_kept_exactly():
    frame = np.full((1, 8, 8, 3), 255, np.uint8)
    frame[0, :4] = (200, 10, 30)
    palette = common_palette(frame, WHITE)
    assert tuple(palette[0]) == WHITE
    assert (200, 10, 30) in {tuple(int(c) for c in color) for color in palette}


def test_an_empty_picture_is_only_background(tmp_path):
    write_gif(tmp_path / "a.gif", np.full((2, 8, 8, 3), 255, np.uint8), 80, WHITE)
    assert (read_frames(tmp_path / "a.gif") == 255).all()


def test_azimuths_start_at_the_front_and_close_the_circle():
    assert spread(4) == [0, 90, 180, 270]
