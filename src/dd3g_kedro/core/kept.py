"""A folder holds exactly what its manifest lists; what no longer belongs moves beside it.

Set aside is moved, never deleted, to `kept/` next to the folder: outside of what DVC hashes, so
that a used checkout's folder equals a fresh clone's. `kedro leftovers` lists and removes it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dd3g_kedro.core.files import written_whole
from dd3g_kedro.core.identity import file_fingerprint

MANIFEST = "manifest.json"
KEPT = "kept"
UNKNOWN = "unknown"  # in the place of an identity's name: nothing says what it was made of


def kept_beside(folder: Path) -> Path:
    """Where a folder's former files go."""
    return folder.parent / KEPT / folder.name


def set_aside(path: Path, into: Path) -> Path:
    """Move a file or folder, whole or not at all, to `into`; its new path.

    A file takes its content's fingerprint as its name, so that equal ones become one.
    """
    into.mkdir(parents=True, exist_ok=True)
    name = f"{file_fingerprint(path)[:16]}{path.suffix}" if path.is_file() else path.name
    target = into / name
    number = 0
    while target.is_dir():
        number += 1
        target = into / f"{name}.{number}"
    return path.rename(target)


def write_manifest(folder: Path, document: Mapping[str, Any]) -> None:
    """Say what a folder holds, whole or not at all; equal documents become equal bytes."""
    with written_whole(folder / MANIFEST) as temporary:
        temporary.write_text(json.dumps(document, indent=1, sort_keys=True) + "\n", "utf-8")


def read_manifest(folder: Path) -> dict[str, Any] | None:
    """What a folder says that it holds; None where it says nothing that can be read."""
    try:
        document = json.loads((folder / MANIFEST).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return document if isinstance(document, dict) else None
