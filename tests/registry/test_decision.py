from __future__ import annotations

import pytest

from dd3g_kedro.registry.config import Promotion
from dd3g_kedro.registry.decision import decide, looked_up


def evaluation(psnr: float | None, protocol: str = "a") -> dict:
    return {"protocol": protocol, "student": {"psnr": psnr}}


RULE = Promotion(metric="student.psnr", same=("protocol",))


def test_without_a_champion_the_candidate_wins():
    assert decide(evaluation(20.0), None, RULE).promoted


@pytest.mark.parametrize(("candidate", "promoted"), [(20.1, True), (20.0, False), (19.9, False)])
def test_only_a_better_student_wins(candidate: float, promoted: bool):
    assert decide(evaluation(candidate), evaluation(20.0), RULE).promoted is promoted


def test_the_margin_must_be_passed():
    rule = Promotion(metric="student.psnr", margin=0.5)
    assert not decide(evaluation(20.5), evaluation(20.0), rule).promoted
    assert decide(evaluation(20.6), evaluation(20.0), rule).promoted


def test_where_lower_is_better_the_sign_turns():
    rule = Promotion(metric="student.psnr", higher_is_better=False)
    assert decide(evaluation(0.1), evaluation(0.2), rule).promoted
    assert not decide(evaluation(0.2), evaluation(0.1), rule).promoted


def test_numbers_of_different_protocols_are_not_compared():
    decision = decide(evaluation(30.0, "b"), evaluation(20.0, "a"), RULE)
    assert not decision.promoted
    assert "protocol" in decision.reason


@pytest.mark.parametrize("score", [None, float("nan")])
def test_a_student_without_a_score_does_not_win(score):
    assert not decide(evaluation(score), None, RULE).promoted


def test_a_missing_metric_names_what_there_is():
    with pytest.raises(ValueError, match=r"found no student\.lpips; there is psnr"):
        looked_up(evaluation(20.0), "student.lpips")
