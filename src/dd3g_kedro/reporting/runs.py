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
    """One tracked run; the address works while `mlflow ui` is running."""

    name: str
    run_id: str
    url: str  # "" where none is known


def tracked_runs(folder: Path) -> list[Run]:
    """The notes `*.json` of a folder, by pipeline; one that cannot be read is told and left out."""
    return [
        Run(path.stem, str(note["run_id"]), web_address(note.get("url")))
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


def web_address(text: object) -> str:
    """The text if a browser may follow it without running it; empty otherwise."""
    return text if isinstance(text, str) and text.startswith(("http://", "https://")) else ""


def address_of(run_id: str, runs: list[Run]) -> str:
    """Where another run of the same store is shown; empty where no address is known."""
    known = next((run.url for run in runs if run.url), "")
    return f"{known.partition('#')[0]}#/runs/{run_id}" if known and run_id else ""
