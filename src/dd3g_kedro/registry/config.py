"""When a student is better than another."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, NonNegativeFloat

from dd3g_kedro.core.config_building import configuration


@configuration
class Promotion:
    """What makes one student better than another."""

    metric: Annotated[str, Field(min_length=1)]  # dotted key in metrics.json
    higher_is_better: bool = True
    margin: NonNegativeFloat = 0.0  # the candidate must be better by more than this
    same: tuple[str, ...] = ()  # keys of metrics.json that must agree, or numbers mean nothing
