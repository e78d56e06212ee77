from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tests.known_pictures import disc
from torch.nn import functional as F

from dd3g_kedro.core.errors import InvalidImage
from dd3g_kedro.core.objective.background import composite
from dd3g_kedro.pictures.framing import premultiply, recentre, square, straighten


def picture(pixels) -> torch.Tensor:
    return torch.from_numpy(pixels).permute(2, 0, 1).float() / 255


def box(rgba: torch.Tensor) -> tuple[int, int, int, int]:
    rows, columns = (rgba[3] >= 0.5).nonzero().T
    return int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1


@pytest.fixture(scope="module")
def lgm(shared: Path) -> dict[str, torch.Tensor]:
    from safetensors.torch import load_file

    return load_file(shared / "fixtures/imagedream/preprocess/preprocess.safetensors")


@pytest.mark.shared
def test_the_canvas_is_lgm_s_to_the_last_bit(lgm):
    canvas = recentre(picture(lgm["rgba"].numpy()), size=300, border_ratio=0.2)
    levels = (canvas * 255).round().byte().permute(1, 2, 0)[::4, ::4]
    torch.testing.assert_close(levels, lgm["lgm.recentered_rgba"], rtol=0, atol=0)
    over_white = composite(canvas, torch.ones(3)).permute(1, 2, 0)[::4, ::4]
    torch.testing.assert_close(over_white, lgm["lgm.white_rgb"], rtol=0, atol=1e-6)


@pytest.mark.shared
def test_over_white_it_is_what_lgm_gives_the_vae(lgm):
    rgba = recentre(picture(lgm["rgba"].numpy()), size=256, border_ratio=0.2)
    given = 2 * composite(rgba, torch.ones(3)) - 1
    torch.testing.assert_close(given[:, ::4, ::4], lgm["lgm.vae_input"], rtol=0, atol=1e-5)


@pytest.mark.parametrize("centre", [(0.3, 0.4), (0.7, 0.65)])
@pytest.mark.parametrize("border_ratio", [0.1, 0.2, 0.5])
def test_the_object_is_centred_and_fills_what_the_border_leaves(centre, border_ratio):
    rgba = recentre(picture(disc(160, centre, radius=0.2)), 160, border_ratio)
    left, top, right, bottom = box(rgba)
    assert abs(left + right - 160) <= 4
    assert abs(top + bottom - 160) <= 4
    assert abs(right - left - (1 - border_ratio) * 160) <= 5


def test_where_the_object_was_makes_no_difference():
    here, there = (
        recentre(torch.roll(picture(disc(128, radius=0.2)), shift, dims=(1, 2)), 128)
        for shift in ((-20, 10), (15, -24))
    )
    torch.testing.assert_close(here, there, rtol=0, atol=0)


def test_a_large_photograph_keeps_the_mean_of_fine_texture():
    """Without antialiasing a chessboard of single pixels would turn black or white."""
    y, x = torch.meshgrid(torch.arange(1024), torch.arange(1024), indexing="ij")
    board = ((x + y) % 2).float()
    visible = ((x - 512).abs() < 400) & ((y - 512).abs() < 400)
    rgba = torch.stack([board, board, board, visible.float()])
    inner = recentre(rgba, 64)[0, 20:44, 20:44]
    torch.testing.assert_close(inner, torch.full_like(inner, 0.5), rtol=0, atol=0.02)


def test_a_picture_of_one_visible_pixel_does_not_break():
    rgba = torch.zeros(4, 9, 9)
    rgba[:, 2, 3] = 1
    assert box(recentre(rgba, 10, border_ratio=0.2)) == (1, 1, 9, 9)


def test_an_empty_picture_is_refused():
    with pytest.raises(InvalidImage, match="no pixel is visible"):
        recentre(torch.zeros(4, 8, 8), 8)


@pytest.mark.parametrize("height, width", [(40, 80), (80, 40), (80, 80)])
def test_padding_keeps_place_and_proportions(height: int, width: int):
    rgba = torch.zeros(4, height, width)
    rgba[:, height // 4 : 3 * height // 4, width // 4 : 3 * width // 4] = 1
    result = square(rgba, 40)
    left, top, right, bottom = box(result)
    assert (right - left, bottom - top) == (width // 4, height // 4)
    assert (left + right, top + bottom) == (40, 40)


def test_a_square_of_the_right_size_is_unchanged():
    rgba = picture(disc(48))
    torch.testing.assert_close(square(rgba, 48), rgba, rtol=0, atol=0)


@pytest.mark.parametrize("color", [torch.zeros(3), torch.ones(3), torch.tensor([0.2, 0.7, 0.4])])
def test_resizing_and_laying_over_a_colour_may_be_swapped(color: torch.Tensor):
    """Only with premultiplied alpha: colours that nobody sees must not leak in."""
    rgba = picture(disc(96))
    rgba[:3] = torch.where(rgba[3] > 0, rgba[:3], torch.tensor([1.0, 0, 1]).view(3, 1, 1))
    direct = F.interpolate(composite(rgba, color)[None], (32, 32), mode="bilinear", antialias=True)[
        0
    ]
    torch.testing.assert_close(composite(square(rgba, 32), color), direct, rtol=0, atol=2e-6)


def test_straight_alpha_survives_the_round_trip():
    rgba = picture(disc(32))
    seen = (rgba[3] > 0).expand(4, -1, -1)
    torch.testing.assert_close(straighten(premultiply(rgba))[seen], rgba[seen])
