from __future__ import annotations

import pytest
import torch

from dd3g_kedro.core.student.initial_cloud import ball, initial_means, split_into_cells


@pytest.mark.parametrize("count", [1, 12, 402, 12_960])
def test_the_ball_has_as_many_points_as_asked_for_and_none_outside(count):
    points = ball(count, radius=0.4)
    assert points.shape == (count, 3)
    assert points.norm(dim=-1).max() <= 0.4


def test_the_ball_is_filled_evenly():
    points = ball(20_000, radius=1.0)
    for share in (0.2, 0.5, 0.8):  # a ball of radius r holds r^3 of it
        inside = (points.norm(dim=-1) <= share).float().mean()
        assert inside == pytest.approx(share**3, abs=0.01)
    above = (points > 0).float().mean(dim=0)
    torch.testing.assert_close(above, torch.full((3,), 0.5), atol=0.01, rtol=0)


def test_the_cells_hold_every_point_once_and_do_not_overlap_along_the_cut():
    points = ball(7 * 30, radius=0.4)
    cells = split_into_cells(points, 7)
    assert cells.shape == (7, 30, 3)
    assert {tuple(p) for p in cells.flatten(0, 1).tolist()} == {tuple(p) for p in points.tolist()}
    two = split_into_cells(points, 2)
    separated = (two[0].amax(dim=0) <= two[1].amin(dim=0)).any()
    assert separated


def test_a_tokens_gaussians_start_close_together():
    means = initial_means(135, 96, radius=0.4).unflatten(0, (135, 96))
    within = means.std(dim=1).norm(dim=-1).max()
    whole = means.flatten(0, 1).std(dim=0).norm()
    assert within < whole / 3  # 135 equal cells are a fifth as wide as the ball


def test_the_same_cloud_every_time():
    torch.testing.assert_close(initial_means(9, 7, 0.4), initial_means(9, 7, 0.4), rtol=0, atol=0)
