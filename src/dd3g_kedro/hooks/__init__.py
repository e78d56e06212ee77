"""What happens around a run: parameters and inputs are checked before it, MLflow records it."""

from __future__ import annotations

import logging
import os
from importlib.util import find_spec

_KNOWN_WARNINGS = (
    # told at every command by kedro-mlflow's own model class, which this project does not use
    "Add type hints to the `predict` method",
    # the ablations' tables read what the rows' namespaces write
    "the dot notation is reserved for automatic namespacing",
)


def _is_news(record: logging.LogRecord) -> bool:
    """Python's warnings arrive here as log records; MLflow undoes filters of `warnings`."""
    return not any(known in record.getMessage() for known in _KNOWN_WARNINGS)


def tracking_wanted() -> bool:
    """Runs are tracked unless DD3G_TRACKING=0 or kedro-mlflow is not installed."""
    wanted = os.environ.get("DD3G_TRACKING", "1") != "0"
    return wanted and find_spec("mlflow") is not None and find_spec("kedro_mlflow") is not None


def project_hooks() -> tuple[object, ...]:
    """The hooks that this installation can carry."""
    logging.captureWarnings(True)
    logging.getLogger("py.warnings").addFilter(_is_news)
    from dd3g_kedro.hooks.inputs import PresentInputs
    from dd3g_kedro.hooks.parameters import CheckedParameters

    checks = (CheckedParameters(), PresentInputs())
    if not tracking_wanted():
        return checks
    from dd3g_kedro.hooks.tracking import TrackedRun

    return (*checks, TrackedRun())
