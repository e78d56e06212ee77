from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageFile
from tests.known_pictures import disc, hostile_pictures, png_16, save

from dd3g_kedro.core.errors import InvalidImage
from dd3g_kedro.pictures.config import ImageLimits
from dd3g_kedro.pictures.decoding import decode
from dd3g_kedro.pictures.reading import read_rgba

LIMITS = ImageLimits()


def as_written(rgba: torch.Tensor) -> np.ndarray:
    return (rgba * 255).round().byte().permute(1, 2, 0).numpy()


def test_an_8_bit_picture_is_read_exactly(tmp_path: Path):
    pixels = np.random.default_rng(0).integers(0, 256, (31, 47, 4), dtype=np.uint8)
    rgba = read_rgba(save(pixels, tmp_path / "a.png"), LIMITS)
    assert rgba.dtype == torch.float32
    assert rgba.is_contiguous()
    np.testing.assert_array_equal(as_written(rgba), pixels)


@pytest.mark.parametrize("name", ["a.webp", "a.tiff"])
def test_lossless_formats_give_the_same_pixels(tmp_path: Path, name: str):
    pixels = disc()
    read = read_rgba(save(pixels, tmp_path / name, lossless=True), LIMITS)
    seen = pixels[..., 3] > 0
    np.testing.assert_array_equal(as_written(read)[seen], pixels[seen])


def test_every_hostile_picture_is_refused_with_its_name_and_reason(tmp_path: Path):
    for path, words in hostile_pictures(tmp_path / "hostile").items():
        with pytest.raises(InvalidImage) as refusal:
            read_rgba(path, LIMITS)
        assert str(refusal.value).startswith(f"{path}: "), path
        assert words in str(refusal.value), (path, str(refusal.value))


def test_a_missing_file_and_a_folder_are_refused_by_name(tmp_path: Path):
    (tmp_path / "folder.png").mkdir()
    for path in (tmp_path / "missing.png", tmp_path / "folder.png"):
        with pytest.raises(InvalidImage, match=path.name):
            read_rgba(path, LIMITS)


def test_a_file_above_the_limit_of_bytes_is_not_opened(tmp_path: Path):
    path = save(disc(), tmp_path / "a.png")
    with pytest.raises(InvalidImage, match=r"limits\.max_megabytes"):
        read_rgba(path, ImageLimits(max_megabytes=0.0001))


def test_the_limit_of_pixels_is_exact(tmp_path: Path):
    path = save(disc(size=100), tmp_path / "a.png")
    assert read_rgba(path, ImageLimits(max_megapixels=0.01)).shape == (4, 100, 100)
    with pytest.raises(InvalidImage, match="100 x 100 pixels"):
        read_rgba(path, ImageLimits(max_megapixels=0.009999))


def test_a_truncated_picture_is_refused_even_where_another_library_tolerates_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    path = save(disc(), tmp_path / "a.png")
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(InvalidImage, match="cut short"):
        read_rgba(path, LIMITS)


def test_16_bit_grey_keeps_its_range_and_its_steps(tmp_path: Path):
    """Pillow's own conversion to 8 bits cuts everything above 255 to white."""
    grey = np.arange(0, 65536, 16, dtype=np.uint16).reshape(64, 64)
    Image.fromarray(grey).save(tmp_path / "a.png")
    decoded = decode(tmp_path / "a.png", LIMITS)
    np.testing.assert_array_equal(decoded.pixels[..., 0], grey)
    np.testing.assert_array_equal(decoded.pixels[..., 3], np.full_like(grey, 65535))
    np.testing.assert_array_equal(decoded.pixels_8[..., 1], np.rint(grey / 257))


def test_16_bit_colour_is_scaled_to_within_one_8_bit_level(tmp_path: Path):
    pixels = np.random.default_rng(0).integers(0, 65536, (24, 16, 4)).astype(np.uint16)
    (tmp_path / "a.png").write_bytes(png_16(pixels))
    rgba = read_rgba(tmp_path / "a.png", LIMITS).permute(1, 2, 0).numpy()
    assert np.abs(rgba - pixels / 65535).max() < 1 / 255


def test_a_palette_with_transparency_gives_its_colours(tmp_path: Path):
    pixels = np.zeros((8, 8, 4), dtype=np.uint8)
    pixels[2:6, 2:6] = (250, 10, 30, 255)
    Image.fromarray(pixels).quantize(4).save(tmp_path / "a.png")
    assert Image.open(tmp_path / "a.png").mode == "P"
    np.testing.assert_array_equal(as_written(read_rgba(tmp_path / "a.png", LIMITS)), pixels)


def test_grey_with_alpha_becomes_equal_channels(tmp_path: Path):
    grey, alpha = disc()[..., 0], disc()[..., 3]
    Image.merge("LA", [Image.fromarray(grey), Image.fromarray(alpha)]).save(tmp_path / "a.png")
    expected = np.stack([grey, grey, grey, alpha], axis=-1)
    np.testing.assert_array_equal(as_written(read_rgba(tmp_path / "a.png", LIMITS)), expected)


def test_a_transparent_colour_of_an_rgb_picture_counts(tmp_path: Path):
    pixels = np.full((8, 8, 3), (0, 255, 0), dtype=np.uint8)
    pixels[3:5, 3:5] = (9, 8, 7)
    Image.fromarray(pixels).save(tmp_path / "a.png", transparency=(0, 255, 0))
    rgba = as_written(read_rgba(tmp_path / "a.png", LIMITS))
    assert rgba[..., 3].sum() == 4 * 255
    assert rgba[3, 3].tolist() == [9, 8, 7, 255]


def test_cmyk_is_converted_to_the_colours_it_means(tmp_path: Path):
    ink = Image.new("CMYK", (16, 16), (0, 255, 255, 0))  # magenta and yellow: red
    ink.save(tmp_path / "a.jpg", quality=95)
    red, green, blue, _ = decode(tmp_path / "a.jpg", LIMITS).pixels[8, 8]
    assert red > 240
    assert max(green, blue) < 40


def test_the_camera_s_orientation_is_applied(tmp_path: Path):
    pixels = disc()[:60, :]  # lies on its side
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise
    save(pixels, tmp_path / "a.png", exif=exif)
    upright = np.rot90(pixels, k=-1)
    np.testing.assert_array_equal(as_written(read_rgba(tmp_path / "a.png", LIMITS)), upright)


def test_limits_name_the_key_that_is_wrong():
    with pytest.raises(ValueError, match=r"ImageLimits\.max_megapixels"):
        ImageLimits(max_megapixels=500)
    with pytest.raises(ValueError, match=r"ImageLimits\.max_megabytes"):
        ImageLimits(max_megabytes=0)
