"""Which registered student serves: the better one, measured the same way."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, kw_only=True)
class StudentRelease:
    """A trained student that is to be registered."""

    weights: Path  # safetensors file
    card: str  # Markdown: what it was trained from, for what, with which limits
    metrics: Mapping[str, float] = field(default_factory=dict)  # of its training


@dataclass(frozen=True, kw_only=True)
class Promotion:
    """What makes one student better than another."""

    metric: str  # dotted key in metrics.json
    higher_is_better: bool = True
    margin: float = 0.0  # the candidate must be better by more than this
    same: tuple[str, ...] = ()  # keys of metrics.json that must agree, or numbers mean nothing

    def __post_init__(self) -> None:
        object.__setattr__(self, "same", tuple(self.same))
        if not self.metric:
            raise ValueError("promote.metric must name a key of metrics.json, got an empty text")
        if not (math.isfinite(self.margin) and self.margin >= 0):
            raise ValueError(f"promote.margin must be zero or positive, got {self.margin}")


@dataclass(frozen=True)
class Decision:
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
) -> Decision:
    """Compare the evaluations of two students; without a champion the candidate becomes it.

    Raises:
        ValueError: the candidate's metrics lack the metric.
    """
    score = looked_up(candidate, promotion.metric)
    if not isinstance(score, int | float) or not math.isfinite(score):
        return Decision(False, f"the candidate has no {promotion.metric} ({score!r})")
    if champion is None:
        return Decision(True, f"there is no evaluated champion; {promotion.metric} is {score:.4f}")
    for key in promotion.same:
        ours, theirs = looked_up(candidate, key), looked_up(champion, key)
        if ours != theirs:
            return Decision(
                False,
                f"the champion was measured otherwise ({key}: {theirs!r}, the candidate's "
                f"{ours!r}); evaluate the champion again first",
            )
    best = float(looked_up(champion, promotion.metric))
    gain = (score - best) if promotion.higher_is_better else (best - score)
    words = f"{promotion.metric} is {score:.4f}, the champion's {best:.4f}"
    if gain > promotion.margin:
        return Decision(True, f"better: {words}")
    return Decision(False, f"not better by more than {promotion.margin:g}: {words}")
