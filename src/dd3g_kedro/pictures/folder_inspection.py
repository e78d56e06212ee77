"""Every file of a folder becomes a row, on all cores, with memory for a few pictures at a time."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from dd3g_kedro.core.errors import InvalidImage
from dd3g_kedro.core.progress import track
from dd3g_kedro.engine.processes import on_all_cores
from dd3g_kedro.pictures.config import InspectionConfig
from dd3g_kedro.pictures.decoding import SUFFIXES
from dd3g_kedro.pictures.inspection import ImageRow, inspect_with_thumbnail
from dd3g_kedro.pictures.journal import InspectionJournal, stamp_of
from dd3g_kedro.pictures.sources import SOURCES_FILE

JOURNAL_FILE = "inspected.jsonl"
_ALONE_UP_TO = 96  # files that are done before other processes would have started
Inspected = Iterator[tuple[ImageRow, str | None]]


def list_files(folder: Path) -> list[Path]:
    """Every file of the folder and its subfolders, sorted; not hidden ones, not `sources.csv`.

    Raises:
        InvalidImage: no file is named like a picture.
    """
    found = []
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [Path(place, name) for name in names if not name.startswith(".")]
    files = sorted(f for f in found if f != folder / SOURCES_FILE and f.is_file())
    if not any(file.suffix.lower() in SUFFIXES for file in files):
        came = f"{len(files)} other files ({files[0].name}, ...)" if files else "no files"
        raise InvalidImage(
            f"{folder}: expected a folder with pictures ({', '.join(SUFFIXES)}), found {came}; put "
            "RGBA pictures there or name another folder"
        )
    return files


def inspect_folder(folder: Path, journal_folder: Path, config: InspectionConfig) -> list[ImageRow]:
    """Inspect every file, in the order of names; what the journal knows already is not repeated.

    Raises:
        InvalidImage: no file is named like a picture.
    """
    files = list_files(folder)
    names = []
    with InspectionJournal(journal_folder / JOURNAL_FILE, folder, config) as journal:
        stamps = {file: stamp_of(file) for file in files}
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
        return [row for row, _ in journal.read(names)]


def thumbnails(
    folder: Path, journal_folder: Path, config: InspectionConfig, names: list[str]
) -> Iterator[str | None]:
    """The small pictures of files that `inspect_folder` has seen, one at a time."""
    with InspectionJournal(journal_folder / JOURNAL_FILE, folder, config) as journal:
        for _, thumbnail in journal.read(names):
            yield thumbnail


def _inspected(files: list[Path], folder: Path, config: InspectionConfig) -> Inspected:
    look = partial(
        inspect_with_thumbnail, limits=config.limits, root=folder, thumbnail=config.thumbnail
    )
    return on_all_cores(look, files, config.workers, _ALONE_UP_TO)
