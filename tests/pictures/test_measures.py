from __future__ import annotations

import math

import numpy as np
import pytest
from PIL import Image, ImageFilter
from tests.known_pictures import disc

from dd3g_kedro.pictures.measures import measure


def distance(one: str, other: str) -> int:
    return (int(one, 16) ^ int(other, 16)).bit_count()


def blurred(pixels: np.ndarray, radius: float) -> np.ndarray:
    picture = Image.fromarray(pixels).convert("RGBa").filter(ImageFilter.GaussianBlur(radius))
    return np.asarray(picture.convert("RGBA"))


def rectangle(height: int, width: int, top: int, left: int, bottom: int, right: int) -> np.ndarray:
    pixels = np.zeros((height, width, 4), dtype=np.uint8)
    pixels[top:bottom, left:right] = (120, 60, 200, 255)
    return pixels


def test_a_rectangle_s_box_coverage_and_centre_are_exact():
    found = measure(rectangle(60, 100, top=10, left=20, bottom=40, right=50))
    assert (found.box_left, found.box_top, found.box_right, found.box_bottom) == (20, 10, 50, 40)
    assert found.coverage == pytest.approx(30 * 30 / 6000)
    assert found.off_centre == pytest.approx(math.hypot(35 - 50, 25 - 30) / 100)
    assert (found.parts, found.largest_part) == (1, 1.0)
    assert found.transparent
    assert (found.mean_red, found.mean_green) == pytest.approx((120 / 255, 60 / 255))
    assert found.brightness == pytest.approx((0.299 * 120 + 0.587 * 60 + 0.114 * 200) / 255)


def test_each_side_is_measured_by_itself():
    found = measure(rectangle(50, 100, top=30, left=60, bottom=50, right=100))
    assert found.border_left == found.border_top == 0
    assert found.border_right == pytest.approx(20 / 50)
    assert found.border_bottom == pytest.approx(40 / 100)


def test_parts_are_counted_and_dust_is_not():
    pixels = rectangle(100, 100, 10, 10, 50, 50)
    pixels[60:80, 60:80] = 255  # a quarter of the first
    pixels[90, 90] = 255  # one pixel of two thousand
    found = measure(pixels)
    assert found.parts == 2
    assert found.largest_part == pytest.approx(1600 / 2001)


def test_a_picture_of_another_size_has_the_same_shares():
    small, large = (measure(disc(size, (0.45, 0.5))) for size in (128, 1280))
    for name in ("coverage", "off_centre", "largest_part", "brightness", "mean_red"):
        assert getattr(small, name) == pytest.approx(getattr(large, name), abs=0.01), name
    assert small.parts == large.parts


def test_sharpness_falls_with_every_blur_and_ignores_contrast():
    pixels = disc(256)
    values = [measure(pixels).sharpness]
    values += [measure(blurred(pixels, radius)).sharpness for radius in (1, 2, 4)]
    assert values == sorted(values, reverse=True)
    assert values[0] > 0.6
    assert values[-1] < 0.1
    faint = pixels.copy()
    faint[..., :3] = 127 + (pixels[..., :3].astype(float) - 127) / 4
    assert measure(faint).sharpness == pytest.approx(values[0], abs=0.1)


@pytest.mark.parametrize("tone, share", [(0, 1.0), (255, 1.0), (128, 0.0)])
def test_pure_black_and_pure_white_are_clipped(tone: int, share: float):
    pixels = rectangle(40, 40, 5, 5, 35, 35)
    pixels[5:35, 5:35, :3] = tone
    assert measure(pixels).clipped == share


def test_colours_that_nobody_sees_change_no_measure():
    pixels = disc(96)
    hidden = pixels.copy()
    hidden[pixels[..., 3] == 0, :3] = 255
    assert measure(hidden) == measure(pixels)


def test_the_hash_of_a_resized_compressed_or_moved_picture_is_near():
    pixels = disc(256)
    original = measure(pixels).phash
    smaller = np.asarray(Image.fromarray(pixels).resize((140, 140)))
    moved = disc(256, centre=(0.4, 0.6))
    moved[..., :3] = np.roll(pixels[..., :3], (26, -26), axis=(0, 1))
    assert distance(measure(smaller).phash, original) <= 4
    assert distance(measure(blurred(pixels, 1)).phash, original) <= 4
    assert distance(measure(moved).phash, original) <= 4


def test_the_hashes_of_different_pictures_are_far():
    hashes = [measure(disc(128, seed=seed)).phash for seed in range(8)]
    apart = [distance(a, b) for i, a in enumerate(hashes) for b in hashes[:i]]
    assert min(apart) > 8


@pytest.mark.parametrize("shape", [(1, 1), (1, 700), (700, 1), (513, 3)])
def test_odd_shapes_are_measured(shape: tuple[int, int]):
    found = measure(np.full((*shape, 4), 255, dtype=np.uint8))
    assert found.coverage == 1
    assert not found.transparent


def test_nothing_visible_has_no_box():
    found = measure(np.zeros((20, 20, 4), dtype=np.uint8))
    assert (found.coverage, found.parts, found.box_right, found.off_centre) == (0, 0, 0, 0)
