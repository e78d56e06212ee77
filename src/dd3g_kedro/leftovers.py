"""What was kept and no longer belongs to anything: found and, on demand, removed."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from dd3g_kedro.core.kept import KEPT

_OLD = 24 * 3600  # seconds after which an unfinished file belongs to no run


@dataclass(frozen=True)
class Leftover:
    """A file or folder that nothing reads any more, unless one goes back to what made it."""

    path: Path
    why: str
    size: int  # bytes


def find_leftovers(data: Path) -> list[Leftover]:
    """All of a data folder, in the order of their paths.

    These are: what collections set aside (`kept/`), checkpoints of trainings that were begun anew
    under other settings, journals of inspections other than the last one, and unfinished files of
    runs that were killed.
    """
    found: dict[Path, str] = {}
    for place, folders, names in os.walk(data):
        here = Path(place)
        if here.name == KEPT:
            found |= dict.fromkeys(
                _portions(here), "set aside: of another setting, teacher or list"
            )
            folders.clear()
        elif here.parent.name == "checkpoints":
            found |= dict.fromkeys(_all_but_the_last(here, "*.pt"), "checkpoint of other settings")
        elif here.name == "image_inspections":
            rest = _all_but_the_last(here, "*.jsonl")
            found |= dict.fromkeys(rest, "journal of another folder or other limits")
        for name in names:
            if name.startswith(".") and name.endswith(".partial") and _is_old(here / name):
                found[here / name] = "unfinished, of a run that was killed"
    return [Leftover(path, why, _size(path)) for path, why in sorted(found.items())]


def remove(leftovers: Sequence[Leftover]) -> None:
    """Delete them for good, and folders of kept things that are empty then."""
    for leftover in leftovers:
        if leftover.path.is_dir() and not leftover.path.is_symlink():
            shutil.rmtree(leftover.path)
        else:
            leftover.path.unlink(missing_ok=True)
        for parent in leftover.path.parents:
            if KEPT not in parent.parts or any(parent.iterdir()):
                break
            parent.rmdir()


def table(leftovers: Sequence[Leftover]) -> Iterator[str]:
    """A line each, and the sum."""
    for leftover in leftovers:
        yield f"{_shown(leftover.size):>10}  {leftover.path}  ({leftover.why})"
    total = _shown(sum(leftover.size for leftover in leftovers))
    yield (
        f"{total:>10}  in {len(leftovers)} files and folders"
        if leftovers
        else "nothing is left over"
    )


def _portions(kept: Path) -> Iterator[Path]:
    """Quadruples a folder each identity; views all together."""
    for folder in kept.iterdir():
        inner = [path for path in folder.iterdir() if path.is_dir()] if folder.is_dir() else []
        if inner and all(path.is_dir() for path in folder.iterdir()):
            yield from inner
        else:
            yield folder


def _all_but_the_last(folder: Path, pattern: str) -> list[Path]:
    return sorted(folder.glob(pattern), key=lambda path: path.stat().st_mtime)[:-1]


def _is_old(path: Path) -> bool:
    return time.time() - path.stat().st_mtime > _OLD


def _size(path: Path) -> int:
    if not path.is_dir():
        return path.stat().st_size
    return sum(inner.stat().st_size for inner in path.rglob("*") if inner.is_file())


def _shown(size: float) -> str:
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"
