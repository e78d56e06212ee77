"""Which process this is, and what it may use; free of torch."""

from __future__ import annotations

import os


def available_cores() -> int:
    """How many this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def rank() -> int:
    """This process's number among those that share the work, as torch's launchers set it."""
    return int(os.environ.get("RANK", "0"))


def ranks() -> int:
    """How many processes share the work."""
    return int(os.environ.get("WORLD_SIZE", "1"))
