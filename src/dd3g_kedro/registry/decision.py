"""The comparison of a candidate with the champion."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dd3g_kedro.registry.config import Promotion


@dataclass(frozen=True)
class PromotionDecision:
    """Whether the candidate becomes champion, and why."""

    promoted: bool
    reason: str


def looked_up(metrics: Mapping[str, Any], key: str) -> Any:
    """The value at a dotted key.

    Raises:
        ValueError: there is none; the message says where the path ends.
    """
    value: Any = metrics
    for depth, part in enumerate(key.split(".")):
        if not isinstance(value, Mapping) or part not in value:
            known = ", ".join(value) if isinstance(value, Mapping) else f"the value {value!r}"
            raise ValueError(
                f"metrics.json: expected a number at {key}, found no "
                f"{'.'.join(key.split('.')[: depth + 1])}; there is {known}. Set promote.metric."
            )
        value = value[part]
    return value


def decide(
    candidate: Mapping[str, Any], champion: Mapping[str, Any] | None, promotion: Promotion
) -> PromotionDecision:
    """Compare the evaluations of two students; without a champion the candidate becomes it.

    Raises:
        ValueError: the candidate's metrics lack the metric.
    """
    score = looked_up(candidate, promotion.metric)
    if not isinstance(score, int | float) or not math.isfinite(score):
        return PromotionDecision(False, f"the candidate has no {promotion.metric} ({score!r})")
    if champion is None:
        return PromotionDecision(
            True, f"there is no evaluated champion; {promotion.metric} is {score:.4f}"
        )
    for key in promotion.same:
        ours, theirs = looked_up(candidate, key), looked_up(champion, key)
        if ours != theirs:
            return PromotionDecision(
                False,
                f"the champion was measured otherwise ({key}: {theirs!r}, the candidate's "
                f"{ours!r}); evaluate the champion again first",
            )
    best = float(looked_up(champion, promotion.metric))
    gain = (score - best) if promotion.higher_is_better else (best - score)
    words = f"{promotion.metric} is {score:.4f}, the champion's {best:.4f}"
    if gain > promotion.margin:
        return PromotionDecision(True, f"better: {words}")
    return PromotionDecision(False, f"not better by more than {promotion.margin:g}: {words}")
