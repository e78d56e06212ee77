"""Compare methods on benchmark objects, by numbers and by people."""

from __future__ import annotations

import logging
from typing import Any

from dd3g_kedro.benchmark.config import EvaluateConfig

_LOG = logging.getLogger(__name__)


def evaluate_student(
    student: Any, benchmark_views: Any, load_teacher: Any, evaluate: EvaluateConfig
) -> dict[str, Any]:
    """The student and other methods under one protocol (Table I)."""
    from dd3g_kedro.benchmark.comparison import compare
    from dd3g_kedro.core.devices import default_device

    result = compare(student.to(default_device()), benchmark_views, evaluate, load_teacher)
    _LOG.info("evaluate:\n%s", result["table"])
    return result


def study_methods(
    student: Any,
    benchmark_views: Any,
    load_teacher: Any,
    stored_keys: list[str],
    evaluate: EvaluateConfig,
) -> dict[str, Any]:
    """The user study's page, or the scores of its answers (Sec. IV-A); nothing without one."""
    from dd3g_kedro.benchmark.study.study import run_study
    from dd3g_kedro.core.devices import default_device

    moved = student.to(default_device())
    return run_study(moved, benchmark_views, evaluate, stored_keys, load_teacher)
