"""Compare methods on benchmark objects."""

from __future__ import annotations

import logging
from typing import Any

from dd3g_kedro.core.evaluation.config import EvaluateConfig

_LOG = logging.getLogger(__name__)


def evaluate_student(
    student: Any, benchmark_views: Any, evaluate: EvaluateConfig
) -> dict[str, Any]:
    """PSNR, SSIM and LPIPS of the student, beside the trivial baselines (Table I)."""
    from dd3g_kedro.core.devices import default_device
    from dd3g_kedro.core.evaluation.comparison import compare

    result = compare(student.to(default_device()), benchmark_views, evaluate)
    _LOG.info("evaluate:\n%s", result["table"])
    return result
