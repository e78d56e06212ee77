"""A page that shows every picture with what was decided and why; it needs nothing but itself."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.resources import files
from itertools import islice
from pathlib import Path
from typing import Any

from dd3g_kedro.core.files import written_whole
from dd3g_kedro.pictures.config import ContactSheetConfig

_PORTION = 250  # thumbnails a file, loaded when one of them comes into view
# What the page shows of a picture, in this order.
COLUMNS = (
    "file",
    "image_id",
    "accepted",
    "reasons",
    "decided_by",
    "note",
    "width",
    "height",
    "mode",
    "coverage",
    "off_centre",
    "parts",
    "sharpness",
    "brightness",
    "nearest_file",
    "nearest_distance",
    "source",
    "licence",
)


def write_contact_sheet(
    folder: Path,
    rows: Sequence[Mapping[str, Any]],
    thumbnails: Iterable[str | None],
    config: ContactSheetConfig,
) -> Path:
    """Write `index.html` into the folder, and above `embed_up_to` pictures files beside it.

    `rows` are lines of the image table; `thumbnails` are data URIs in the same order, taken one
    at a time. The page at `folder/index.html`.
    """
    template = files("dd3g_kedro.pictures").joinpath("contact_sheet.html").read_text("utf-8")
    before, after = template.split("/*CONTENT*/")
    with written_whole(folder) as place:
        place.mkdir()
        embedded = len(rows) <= config.embed_up_to
        if not embedded:
            _write_beside(place / "thumbnails", thumbnails)
        with (place / "index.html").open("w", encoding="utf-8") as page:
            page.write(before)
            page.write(f"const PORTION = {_PORTION};\nconst COLUMNS = {_json(COLUMNS)};\n")
            page.write(f"const ROWS = [\n{_joined(_json(_values(row)) for row in rows)}];\n")
            inside = thumbnails if embedded else ()
            page.write(f"const EMBEDDED = [\n{_joined(map(_json, inside))}];\n")
            page.write(after)
    return folder / "index.html"


def _write_beside(place: Path, thumbnails: Iterable[str | None]) -> None:
    """Script files, since a page opened from disk may load scripts but not fetch data."""
    place.mkdir()
    stream = iter(thumbnails)
    for number in range(1_000_000):
        portion = list(islice(stream, _PORTION))
        if not portion:
            return
        text = f"arrived({number}, [\n{_joined(map(_json, portion))}]);\n"
        (place / f"{number:04d}.js").write_text(text, encoding="utf-8")


def _values(row: Mapping[str, Any]) -> list[Any]:
    return [_plain(row[column]) for column in COLUMNS]


def _plain(value: Any) -> Any:
    """A value that JSON holds: missing ones are null, numbers are short."""
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float):
        return None if math.isnan(value) else round(value, 4)
    return value if isinstance(value, str | int) else None


def _json(value: Any) -> str:
    """JSON that may stand in a script: no tag can begin in it."""
    return (
        json.dumps(value, ensure_ascii=False).replace("<", "\\u003c").replace("\u2028", "\\u2028")
    )


def _joined(items: Iterator[str]) -> str:
    return "".join(f"{item},\n" for item in items)
