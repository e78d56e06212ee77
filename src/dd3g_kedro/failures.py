"""Which failures a person can mend, and in which words they are told."""

from __future__ import annotations

import errno
from pathlib import Path
from types import TracebackType

from kedro.config import MissingConfigException
from kedro.io import DatasetError
from kedro.validation import ParameterValidationError
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from dd3g_kedro.core.errors import DD3GError

# A ValueError of these packages is about what a person wrote; one from deep inside torch is a bug.
_OURS = ("dd3g_kedro", "kedro", "omegaconf")
_NOT_WRITABLE = (errno.EROFS, errno.EACCES, errno.EPERM)
_ALWAYS = (
    DD3GError,
    MissingConfigException,
    OmegaConfBaseException,
    ParameterValidationError,
    YAMLError,
)


def _innermost_package(trace: TracebackType | None) -> str:
    """The package whose code raised."""
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return "" if trace is None else str(trace.tb_frame.f_globals.get("__name__", "")).split(".")[0]


def explain(error: BaseException) -> str | None:
    """One paragraph for a failure that a person can mend, None for a bug."""
    if isinstance(error, DatasetError):
        return _explain_dataset(error)
    if isinstance(error, _ALWAYS):
        return str(error)
    if isinstance(error, OSError):
        return _explain_system(error)
    mistake = isinstance(error, ValueError) and _innermost_package(error.__traceback__) in _OURS
    return str(error) if mistake else None


def _explain_dataset(error: DatasetError) -> str | None:
    """Kedro wraps whatever happened during a load or a save: tell the cause and the dataset."""
    if error.__cause__ is None:
        return str(error)
    cause = explain(error.__cause__)
    if cause is None or isinstance(error.__cause__, DD3GError | DatasetError):
        return cause
    return f"{str(error).splitlines()[0]} {cause}"


def _explain_system(error: OSError) -> str:
    if error.errno == errno.ENOSPC:
        place = Path(error.filename or ".")
        return (
            f"{place}: the disk is full. Free some space and give the same command again; what was "
            "finished is kept."
        )
    if error.errno in _NOT_WRITABLE:
        return (
            f"{error.filename or '.'}: expected a place that may be read and written, found: "
            f"{error.strerror}. Take a copy of the project into a folder of your own, or change "
            "the rights of this one, and give the same command again."
        )
    return str(error)
