"""What the registry is told of a new student."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, kw_only=True)
class StudentRelease:
    """A student that is to be registered."""

    weights: Path  # safetensors file
    card: str  # Markdown: what it was trained from, for what, with which limits
    metrics: Mapping[str, float] = field(default_factory=dict)  # of its training
    evaluation: Mapping[str, Any] | None = None  # metrics.json, where it was measured already
