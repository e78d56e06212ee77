"""Which process this is, and what it may use; free of torch."""

from __future__ import annotations

import os


def available_cores() -> int:
    """How many this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def launched() -> bool:
    """Whether a launcher started this process as one of several; a RANK alone says nothing."""
    return "RANK" in os.environ and "WORLD_SIZE" in os.environ


def rank() -> int:
    """This process's number among those that share the work, as torch's launchers set it."""
    return int(os.environ["RANK"]) if launched() else 0


def ranks() -> int:
    """How many processes share the work."""
    return int(os.environ["WORLD_SIZE"]) if launched() else 1
