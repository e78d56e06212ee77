"""beta_i: how much verification counts at step i (Sec. III-C)."""

from __future__ import annotations

import math

from dd3g_kedro.core.objective.config import Curriculum


def exponential_weight(step: int, curriculum: Curriculum) -> float:
    """beta_i = min((e^(i/I) - 1) / 2, eta) (Eq. 6)."""
    return min(0.5 * math.expm1(step / curriculum.total_steps), curriculum.weight_cap)


def constant_weight(step: int, curriculum: Curriculum) -> float:  # noqa: ARG001, as all schedules
    """beta_i = eta: no curriculum (ablation)."""
    return curriculum.weight_cap


def linear_weight(step: int, curriculum: Curriculum) -> float:
    """beta_i = eta i / I: rises from zero and reaches eta at the end only (ablation)."""
    return curriculum.weight_cap * min(step / curriculum.total_steps, 1.0)


_SCHEDULES = {
    "exponential": exponential_weight,
    "constant": constant_weight,
    "linear": linear_weight,
}


def verification_weight(step: int, curriculum: Curriculum) -> float:
    """beta_i by the schedule that the curriculum names; the paper's is Eq. 6."""
    return _SCHEDULES[curriculum.schedule](step, curriculum)
