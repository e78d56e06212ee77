"""When a student is better than another."""

from __future__ import annotations

import math
from dataclasses import dataclass

from dd3g_kedro.core.config_building import build_fields


@dataclass(frozen=True, kw_only=True)
class Promotion:
    """What makes one student better than another."""

    metric: str  # dotted key in metrics.json
    higher_is_better: bool = True
    margin: float = 0.0  # the candidate must be better by more than this
    same: tuple[str, ...] = ()  # keys of metrics.json that must agree, or numbers mean nothing

    def __post_init__(self) -> None:
        build_fields(self, "promote")
        if not self.metric:
            raise ValueError("promote.metric must name a key of metrics.json, got an empty text")
        if not (math.isfinite(self.margin) and self.margin >= 0):
            raise ValueError(f"promote.margin must be zero or positive, got {self.margin}")
