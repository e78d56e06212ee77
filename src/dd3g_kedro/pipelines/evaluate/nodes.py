"""Compare methods on benchmark objects."""

from __future__ import annotations

import logging
from typing import Any

from dd3g_kedro.core.evaluation.config import EvaluateConfig

_LOG = logging.getLogger(__name__)


def evaluate_student(
    student: Any, benchmark_views: Any, load_teacher: Any, evaluate: EvaluateConfig
) -> dict[str, Any]:
    """The student and other methods under one protocol (Table I)."""
    from dd3g_kedro.core.devices import default_device
    from dd3g_kedro.core.evaluation.comparison import compare

    result = compare(student.to(default_device()), benchmark_views, evaluate, load_teacher)
    _LOG.info("evaluate:\n%s", result["table"])
    return result
