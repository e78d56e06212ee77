"""Every file of a folder becomes a row, on all cores, with memory for a few pictures at a time."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import stat
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from dd3g_kedro.core.errors import InvalidImage
from dd3g_kedro.core.processes import available_cores
from dd3g_kedro.core.progress import track
from dd3g_kedro.engine.processes import end_with_the_parent
from dd3g_kedro.pictures.config import InspectionConfig
from dd3g_kedro.pictures.decoding import SUFFIXES
from dd3g_kedro.pictures.inspection import ImageRow, inspect_with_thumbnail, table_name
from dd3g_kedro.pictures.journal import InspectionJournal, Stamp, stamp_of
from dd3g_kedro.pictures.sources import SOURCES_FILE

_LOG = logging.getLogger(__name__)
_PORTION = 16  # files given to a process at once
_ALONE_UP_TO = 96  # files that are done before other processes would have started
Inspected = list[tuple[ImageRow, str | None]]


def list_files(folder: Path) -> tuple[list[Path], list[ImageRow]]:
    """Every file of the folder and its subfolders but `sources.csv`, and a row for what is passed.

    Passed over are hidden files and folders, links to folders, links that lead nowhere, pipes and
    other things that are no files, and folders that cannot be read.

    Raises:
        InvalidImage: no file is named like a picture.
    """
    files: list[Path] = []
    passed: list[ImageRow] = []

    def leave_out(path: Path, why: str) -> None:
        passed.append(ImageRow(file=table_name(path, folder)[0], bytes=0, problem=why))

    def unreadable(error: OSError) -> None:
        leave_out(Path(error.filename), f"the folder cannot be read ({error.strerror})")

    for place, folders, names in os.walk(folder, onerror=unreadable):
        here = Path(place)
        for name in sorted((*folders, *names)):
            path = here / name
            if why := _left_out(path, is_folder=name in folders):
                leave_out(path, why)
            elif name in names and path != folder / SOURCES_FILE:
                files.append(path)
        folders[:] = sorted(n for n in folders if not n.startswith("."))
    if not any(file.suffix.lower() in SUFFIXES for file in files):
        came = f"{len(files)} other files ({files[0].name}, ...)" if files else "no files"
        raise InvalidImage(
            f"{folder}: expected a folder with pictures ({', '.join(SUFFIXES)}), found {came}; put "
            "RGBA pictures there or name another folder"
        )
    return sorted(files), passed


def _left_out(path: Path, *, is_folder: bool) -> str | None:
    if path.name.startswith("."):
        return "hidden: its name begins with a dot; rename it if it is meant"
    if is_folder:
        return "a link to a folder, which is not followed" if path.is_symlink() else None
    try:
        mode = path.stat().st_mode
    except OSError as error:
        return f"a file that cannot be read, or a link that leads nowhere ({error.strerror})"
    return None if stat.S_ISREG(mode) else "no file but a pipe, a socket or a device"


def inspect_folder(folder: Path, journal_folder: Path, config: InspectionConfig) -> list[ImageRow]:
    """Inspect every file, in the order of names; what the journal knows already is not repeated.

    Raises:
        InvalidImage: no file is named like a picture.
    """
    files, passed = list_files(folder)
    with InspectionJournal(journal_folder, folder, config) as journal:
        stamps = {file: _stamp(file) for file in files}
        wanted = [
            f for f in files if not journal.knows(f.relative_to(folder).as_posix(), stamps[f])
        ]
        inspected = _inspected(wanted, folder, config)
        done = len(files) - len(wanted)
        renamed = {}
        progress = track(inspected, len(files), "Inspecting pictures", "pictures", start=done)
        for file, (row, thumbnail) in zip(wanted, progress, strict=True):
            journal.append(row, thumbnail, stamps[file])
            renamed[file] = row.file
        names = [renamed.get(f, f.relative_to(folder).as_posix()) for f in files]
        rows = [found[0] for found in journal.read(names) if found]
    if passed:
        _LOG.warning("%d things in %s were passed over; the table says why", len(passed), folder)
    return sorted((*rows, *passed), key=lambda row: row.file)


def _stamp(file: Path) -> Stamp:
    try:
        return stamp_of(file.stat())
    except OSError:
        return ()


def thumbnails(
    folder: Path, journal_folder: Path, config: InspectionConfig, names: list[str]
) -> Iterator[str | None]:
    """The small pictures of files that `inspect_folder` has seen, one at a time."""
    with InspectionJournal(journal_folder, folder, config) as journal:
        for found in journal.read(names):
            yield found and found[1]


def _inspected(
    files: list[Path], folder: Path, config: InspectionConfig
) -> Iterator[tuple[ImageRow, str | None]]:
    portions = [files[start : start + _PORTION] for start in range(0, len(files), _PORTION)]
    workers = config.workers or available_cores()
    if workers == 1 or len(files) <= _ALONE_UP_TO:
        for portion in portions:
            yield from _inspect_portion(portion, folder, config)
        return
    executor = ProcessPoolExecutor(
        workers, multiprocessing.get_context("spawn"), initializer=_live_and_die_with_the_parent
    )
    waiting: deque[tuple[list[Path], Future[Inspected]]] = deque()
    try:
        for portion in portions:
            future = executor.submit(_inspect_portion, portion, folder, config)
            waiting.append((portion, future))
            if len(waiting) >= 4 * workers:
                yield from _finished(*waiting.popleft())
        while waiting:
            yield from _finished(*waiting.popleft())
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


def _inspect_portion(files: list[Path], folder: Path, config: InspectionConfig) -> Inspected:
    return [inspect_with_thumbnail(f, config.limits, folder, config.thumbnail) for f in files]


def _finished(portion: list[Path], future: Future[Inspected]) -> Inspected:
    try:
        return future.result()
    except BrokenProcessPool as error:
        raise InvalidImage(
            f"a process died among {portion[0]} to {portion[-1]} or shortly after, probably for "
            "lack of memory; what was inspected is kept. Run again with fewer "
            "validate.inspection.workers or a smaller limits.max_megapixels"
        ) from error


def _live_and_die_with_the_parent() -> None:
    """Leave Ctrl-C to the parent, and end when it is gone, even if it was killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_the_parent()
