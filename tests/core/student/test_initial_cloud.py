from __future__ import annotations

import pytest
import torch

from dd3g_kedro.core.student.progressive_decoding import ball


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


def test_the_same_ball_every_time():
    torch.testing.assert_close(ball(96, 0.4), ball(96, 0.4), rtol=0, atol=0)
