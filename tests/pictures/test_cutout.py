from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tests.known_pictures import disc, save

from dd3g_kedro.core.errors import InvalidImage
from dd3g_kedro.core.objective.background import composite
from dd3g_kedro.pictures.config import ImageLimits
from dd3g_kedro.pictures.cutout import remove_uniform_background
from dd3g_kedro.pictures.reading import read_rgba

WALL = torch.tensor([0.8, 0.85, 0.9])


def photograph(pixels: np.ndarray) -> torch.Tensor:
    """The picture in front of a wall of one colour."""
    return composite(torch.from_numpy(pixels).permute(2, 0, 1).float() / 255, WALL)


def test_the_object_is_found_to_the_pixel_with_its_soft_edge():
    pixels = disc(size=128)
    alpha = pixels[..., 3] / 255
    found = remove_uniform_background(photograph(pixels))[3].numpy()
    assert (found[alpha == 0] == 0).all()
    inner = np.hypot(*(np.mgrid[:128, :128] + 0.5 - 64)) < 0.3 * 128 - 4
    assert (found[inner] == 1).all()
    assert abs(found.mean() - alpha.mean()) < 0.01
    assert np.abs(found - alpha).mean() < 0.01
    assert ((found > 0.05) & (found < 0.95)).any()


def test_the_cut_out_laid_over_its_own_background_is_the_photograph():
    image = photograph(disc(size=128))
    again = composite(remove_uniform_background(image), WALL)
    assert (again - image).abs().max() < 0.08  # what the tolerance may hide


def test_the_edge_holds_no_trace_of_the_old_background():
    """A red disc before a green wall shows no green on black."""
    pixels = disc(size=128, color=(220, 20, 20))
    pixels[..., :3] = (220, 20, 20)
    rgba = torch.from_numpy(pixels).permute(2, 0, 1).float() / 255
    image = composite(rgba, torch.tensor([0.0, 0.9, 0.0]))
    on_black = composite(remove_uniform_background(image), torch.zeros(3))
    assert on_black[1].max() < 0.15


def test_what_the_object_encloses_stays_though_it_looks_like_the_background():
    ring = disc(size=128)
    hole = disc(size=128, radius=0.1)[..., 3] > 0
    ring[hole, 3] = 0
    found = remove_uniform_background(photograph(ring))[3]
    assert found[64, 64] == 1
    assert found[2, 2] == 0


def test_compression_leaves_no_specks(tmp_path: Path):
    image = photograph(disc(size=128))
    pixels = (image * 255).round().byte().permute(1, 2, 0).numpy()
    Image.fromarray(pixels).save(tmp_path / "a.jpg", quality=80)
    rgba = read_rgba(tmp_path / "a.jpg", ImageLimits(), remove_background=True)
    far = np.hypot(*(np.mgrid[:128, :128] + 0.5 - 64)) > 0.3 * 128 + 8
    assert (rgba[3].numpy()[far] == 0).all()
    assert rgba[3, 64, 64] == 1


def test_a_background_of_many_colours_is_refused_with_the_way_out(tmp_path: Path):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    path = save(noise, tmp_path / "street.png")
    with pytest.raises(InvalidImage, match=r"street\.png.*cannot be removed offline.*RGBA"):
        read_rgba(path, ImageLimits(), remove_background=True)


def test_a_picture_of_nothing_but_background_is_refused():
    with pytest.raises(InvalidImage, match="nothing but background"):
        remove_uniform_background(WALL[:, None, None].expand(3, 32, 32).clone())


def test_a_picture_with_transparency_is_left_alone(tmp_path: Path):
    path = save(disc(), tmp_path / "a.png")
    torch.testing.assert_close(
        read_rgba(path, ImageLimits(), remove_background=True), read_rgba(path, ImageLimits())
    )
