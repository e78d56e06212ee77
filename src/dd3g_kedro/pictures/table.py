"""Inspected pictures as a table with the same column types for every folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from dd3g_kedro.pictures.inspection import ImageRow

_WHOLE = ("bytes", "width", "height", "box_left", "box_top", "box_right", "box_bottom", "parts")
_TEXT = ("file", "problem", "image_id", "mode", "phash")
_TRUTH = ("transparent",)


def as_table(rows: Sequence[ImageRow]) -> pd.DataFrame:
    """One line for each row; what an unreadable file does not have is missing there."""
    table = pd.DataFrame([row.flat() for row in rows])
    return table.astype({column: _kind(column) for column in table.columns})


def _kind(column: str) -> str:
    if column in _TEXT:
        return "str"
    if column in _WHOLE:
        return "Int64"
    return "boolean" if column in _TRUTH else "float64"


def files_by_id(table: pd.DataFrame, folder: Path, *, accepted: bool = False) -> dict[str, Path]:
    """The pictures of an image table, in the order of their ids; perhaps accepted ones only.

    Of several files with the same pixels the accepted one counts, else the first.
    """
    known = table[table["image_id"].notna() & (table["accepted"] | (not accepted))]
    ordered = known.sort_values(["image_id", "accepted", "file"], ascending=[True, False, True])
    once = ordered.drop_duplicates("image_id")
    return {
        image_id: folder / file for image_id, file in zip(once.image_id, once.file, strict=True)
    }
