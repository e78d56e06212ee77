"""What has been inspected, line by line, so that a stopped inspection goes on where it was."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from os import stat_result
from pathlib import Path
from types import TracebackType

from dd3g_kedro.core.identity import Identity
from dd3g_kedro.pictures.config import InspectionConfig
from dd3g_kedro.pictures.inspection import ImageRow
from dd3g_kedro.pictures.measures import Measures

INSPECTOR = "inspection 2"  # raise when a measure or a verdict changes; a golden test watches
Stamp = tuple[int, ...]


class InspectionJournal:
    """An append-only file of rows and thumbnails: one JSON line for each inspected file.

    The file's name and its first line are its identity: which folder was inspected, and how. A line
    that a killed process cut short, or that cannot be read, ends it; lines of files that changed do
    not count. Only the places of lines are kept in memory.
    """

    def __init__(self, place: Path, folder: Path, config: InspectionConfig) -> None:
        identity = Identity.of(
            INSPECTOR,
            folder=folder.resolve(),
            thumbnail=config.thumbnail,
            limits=config.limits,
        )
        self.path = place / f"{identity.name}.jsonl"
        self._header = identity.document()
        self._places: dict[str, tuple[Stamp, int]] = {}  # file: its stamp, the line's offset

    def __enter__(self) -> InspectionJournal:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        end = self._scan() if self.path.is_file() else 0
        self._stream = self.path.open("r+b" if self.path.is_file() else "w+b")
        self._stream.truncate(end)
        self._stream.seek(end)
        if end == 0:
            self._write(self._header)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stream.close()

    def _scan(self) -> int:
        """Note where each line lies; the end of the last whole line, 0 for another's journal."""
        with self.path.open("rb") as stream:
            end = 0
            for line in stream:
                if end == 0:
                    if _parsed(line) != self._header:
                        return 0
                else:
                    try:
                        entry = _parsed(line) or {}
                        stamp, file = tuple(map(int, entry["stamp"])), _row(entry)[0].file
                    except (KeyError, TypeError, ValueError):
                        return end
                    self._places[file] = stamp, end
                end += len(line)
        return end

    def _write(self, entry: dict) -> int:
        """Append one line; where it begins."""
        place = self._stream.tell()
        try:
            self._stream.write(json.dumps(entry, ensure_ascii=False).encode() + b"\n")
            self._stream.flush()
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(self.path)) from error
        return place

    def knows(self, file: str, stamp: Stamp) -> bool:
        """Whether this very state of the file was inspected."""
        return self._places.get(file, (None, 0))[0] == stamp

    def append(self, row: ImageRow, thumbnail: str | None, stamp: Stamp) -> None:
        """Keep a row and its thumbnail."""
        entry = {"stamp": stamp, "row": asdict(row), "thumbnail": thumbnail}
        self._places[row.file] = (stamp, self._write(entry))

    def read(self, files: list[str]) -> Iterator[tuple[ImageRow, str | None] | None]:
        """The rows and thumbnails of these files, one at a time; None for one never inspected."""
        with self.path.open("rb") as stream:
            for file in files:
                if file not in self._places:
                    yield None
                    continue
                stream.seek(self._places[file][1])
                yield _row(json.loads(stream.readline()))


def stamp_of(status: stat_result) -> Stamp:
    """What tells that a file is still the same: size, times and inode.

    The time of the last change of the inode cannot be set: a file that was swapped at the same
    size and time of modification has another one.
    """
    return (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)


def _row(entry: dict) -> tuple[ImageRow, str | None]:
    told = dict(entry["row"])
    measures = told.pop("measures")
    return ImageRow(**told, measures=measures and Measures(**measures)), entry["thumbnail"]


def _parsed(line: bytes) -> dict | None:
    if not line.endswith(b"\n"):
        return None
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) else None
