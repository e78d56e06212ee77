"""Where pictures come from: `sources.csv` beside them."""

from __future__ import annotations

import csv
import logging
from dataclasses import dataclass, fields
from pathlib import Path

from dd3g_kedro.core.errors import InvalidImage

SOURCES_FILE = "sources.csv"
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class ImageSource:
    """One line of `sources.csv`; what is not known is empty."""

    name: str = ""
    source: str = ""
    licence: str = ""
    author: str = ""
    prompt: str = ""


SOURCE_COLUMNS = tuple(field.name for field in fields(ImageSource))


def read_sources(folder: Path) -> dict[str, ImageSource]:
    """Sources by file name relative to the folder; none if there is no `sources.csv`.

    Raises:
        InvalidImage: the file is not a table with a `file` column, or names a picture twice.
    """
    path = folder / SOURCES_FILE
    if not path.is_file():
        return {}
    sources: dict[str, ImageSource] = {}
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            lines = csv.DictReader(stream)
            if "file" not in (lines.fieldnames or ()):
                raise InvalidImage(
                    f"{path}: expected the columns file,{','.join(SOURCE_COLUMNS)}, found "
                    f"{','.join(lines.fieldnames or ()) or 'nothing'}; correct the first line"
                )
            for line in lines:
                file = (line["file"] or "").strip()
                if file in sources:
                    raise InvalidImage(
                        f"{path}, line {lines.line_num}: {file} is named a second time; keep one "
                        "line for each picture"
                    )
                known = {key: (line.get(key) or "").strip() for key in SOURCE_COLUMNS}
                sources[file] = ImageSource(**known)
    except (UnicodeDecodeError, csv.Error) as error:
        raise InvalidImage(
            f"{path}: expected a table of comma-separated values in UTF-8 ({error}); save it again"
        ) from error
    return sources


def warn_of_strangers(folder: Path, sources: dict[str, ImageSource], files: set[str]) -> None:
    """Tell which lines of `sources.csv` name pictures that are not there."""
    strangers = sorted(set(sources) - files)
    if strangers:
        _LOG.warning(
            "%s names %d files that are not in the folder (%s%s)",
            folder / SOURCES_FILE,
            len(strangers),
            ", ".join(strangers[:3]),
            ", ..." if len(strangers) > 3 else "",
        )
