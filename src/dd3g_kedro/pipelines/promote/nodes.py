"""Compare the evaluated student with the champion."""

from __future__ import annotations

import logging
from typing import Any, Protocol

from dd3g_kedro.registry.config import Promotion
from dd3g_kedro.registry.decision import decide, looked_up

_LOG = logging.getLogger(__name__)


class StudentRegistry(Protocol):
    """What promotion asks of a model registry."""

    name: str

    def version_of(self, fingerprint: str) -> str:
        """The version that holds these weights."""

    def champion(self) -> str | None:
        """The version that serves."""

    def evaluation(self, version: str) -> dict[str, Any] | None:
        """The metrics that were recorded with a version."""

    def record_evaluation(self, version: str, metrics: dict[str, Any]) -> None:
        """Keep a version's metrics beside it."""

    def promote(self, version: str) -> None:
        """Let a version serve."""


def promote_student(
    metrics: dict[str, Any], registry: StudentRegistry, promotion: Promotion
) -> dict[str, Any]:
    """Move the alias `champion` to the evaluated student if it is better; say why not otherwise."""
    candidate = registry.version_of(str(looked_up(metrics, "student_fingerprint")))
    registry.record_evaluation(candidate, metrics)
    champion = registry.champion()
    report: dict[str, Any] = {"model": registry.name, "candidate": candidate, "champion": champion}
    if champion == candidate:
        report |= {"promoted": False, "reason": "the candidate is the champion already"}
    else:
        evaluated = registry.evaluation(champion) if champion else None
        decision = decide(metrics, evaluated, promotion)
        if decision.promoted:
            registry.promote(candidate)
        report |= {"promoted": decision.promoted, "reason": decision.reason}
    moved = "is now the champion" if report["promoted"] else "does not become champion"
    _LOG.info("%s version %s %s: %s", registry.name, candidate, moved, report["reason"])
    return report
