from __future__ import annotations

import math

import pytest

from dd3g_kedro.core.objective.config import Curriculum
from dd3g_kedro.core.objective.curriculum import verification_weight


def test_verification_weight_saturates_where_eq_6_says():
    curriculum = Curriculum(total_steps=1000, weight_cap=0.4)
    crossing = math.log(1.8) * 1000  # (e^x - 1) / 2 = 0.4
    assert verification_weight(math.floor(crossing), curriculum) < 0.4
    assert verification_weight(math.ceil(crossing), curriculum) == 0.4


def test_verification_starts_at_nothing_and_never_falls():
    curriculum = Curriculum(total_steps=50, weight_cap=0.4)
    weights = [verification_weight(step, curriculum) for step in range(51)]
    assert weights[0] == 0
    assert weights == sorted(weights)


def test_half_way_equals_the_closed_form():
    curriculum = Curriculum(total_steps=100, weight_cap=1.0)
    assert verification_weight(50, curriculum) == pytest.approx((math.sqrt(math.e) - 1) / 2)


def test_the_other_schedules_are_constant_and_a_straight_line():
    constant = Curriculum(total_steps=10, weight_cap=0.4, schedule="constant")
    assert {verification_weight(step, constant) for step in range(11)} == {0.4}
    linear = Curriculum(total_steps=10, weight_cap=0.4, schedule="linear")
    steps = [verification_weight(step, linear) for step in range(11)]
    assert steps[0] == 0
    assert steps[5] == pytest.approx(0.2)
    assert steps[10] == 0.4


def test_an_empty_training_has_no_curriculum():
    with pytest.raises(ValueError, match=r"Curriculum\.total_steps must be greater than 0, got 0"):
        Curriculum(total_steps=0, weight_cap=0.4)
