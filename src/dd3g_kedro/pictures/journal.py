"""What has been inspected, line by line, so that a stopped inspection goes on where it was."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from types import TracebackType

from dd3g_kedro.pictures.config import InspectionConfig
from dd3g_kedro.pictures.inspection import ImageRow
from dd3g_kedro.pictures.measures import Measures

_VERSION = 1  # raise when a measure changes its meaning


class InspectionJournal:
    """An append-only file of rows and thumbnails: one JSON line for each inspected file.

    The first line says which folder was inspected and how; a journal of something else is begun
    anew. A line that a killed process cut short, and lines of files that changed, do not count.
    Only the places of lines are kept in memory.
    """

    def __init__(self, path: Path, folder: Path, config: InspectionConfig) -> None:
        self.path = path
        self._header = {
            "version": _VERSION,
            "folder": str(folder.resolve()),
            "thumbnail": config.thumbnail,
            "limits": asdict(config.limits),
        }
        self._places: dict[str, tuple[tuple[int, int], int]] = {}  # file: its stamp, line's offset

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
                entry = _parsed(line)
                if end == 0 and entry != self._header:
                    return 0
                if entry is None:
                    return end
                if end:
                    stamp = tuple(entry["stamp"])
                    self._places[entry["row"]["file"]] = ((stamp[0], stamp[1]), end)
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

    def knows(self, file: str, stamp: tuple[int, int]) -> bool:
        """Whether this very state of the file was inspected."""
        return self._places.get(file, (None, 0))[0] == stamp

    def append(self, row: ImageRow, thumbnail: str | None, stamp: tuple[int, int]) -> None:
        """Keep a row and its thumbnail."""
        entry = {"stamp": stamp, "row": asdict(row), "thumbnail": thumbnail}
        self._places[row.file] = (stamp, self._write(entry))

    def read(self, files: list[str]) -> Iterator[tuple[ImageRow, str | None]]:
        """The rows and thumbnails of these files, one at a time."""
        with self.path.open("rb") as stream:
            for file in files:
                stream.seek(self._places[file][1])
                entry = json.loads(stream.readline())
                measures = entry["row"].pop("measures")
                yield (
                    ImageRow(**entry["row"], measures=measures and Measures(**measures)),
                    entry["thumbnail"],
                )


def stamp_of(path: Path) -> tuple[int, int]:
    """Size and time of the last change: what tells that a file is still the same."""
    try:
        status = path.stat()
    except OSError:
        return (-1, -1)
    return (status.st_size, status.st_mtime_ns)


def _parsed(line: bytes) -> dict | None:
    if not line.endswith(b"\n"):
        return None
    try:
        return json.loads(line)
    except ValueError:
        return None
