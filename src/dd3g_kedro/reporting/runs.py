"""The tracked runs that the reports came from, as the notes beside the reports tell them."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Run:
    """One tracked run: its pipeline, and its number in the store that tracked it."""

    name: str
    run_id: str


def tracked_runs(folder: Path) -> list[Run]:
    """The notes `*.json` of a folder, by pipeline; one that cannot be read is told and left out."""
    return [
        Run(path.stem, str(note["run_id"]))
        for path in sorted(folder.glob("*.json"))
        if (note := noted(path))
    ]


def noted(path: Path) -> dict[str, Any]:
    """A note that names a run; empty where there is none."""
    if not path.is_file():
        return {}
    try:
        note = json.loads(path.read_text("utf-8"))
        if not isinstance(note, dict) or "run_id" not in note:
            raise ValueError("it names no run_id")
    except (OSError, ValueError) as error:
        _LOG.warning("report: %s is no note of a run and is left out: %s", path, error)
        return {}
    return note
