"""A person's decisions on pictures: `decisions.csv`, edited by hand."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from dd3g_kedro.core.errors import InvalidImage

COLUMNS = ("image_id", "decision", "note", "by")
_WORDS = {"accept": True, "reject": False}


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What a person says of a picture, over what the criteria say."""

    image_id: str
    accept: bool
    note: str
    by: str
    line: int  # of the file, for messages


def read_decisions(path: Path) -> list[Decision]:
    """The decisions in their file's order; none if there is no file. Lines with # are comments.

    Raises:
        InvalidImage: a line is not understood; the message names it.
    """
    if not path.is_file():
        return []
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.reader(stream, skipinitialspace=True)
            lines = [(reader.line_num, line) for line in reader if "".join(line).strip()]
    except (UnicodeDecodeError, csv.Error) as error:
        raise InvalidImage(
            f"{path}: expected comma-separated values in UTF-8 ({error}); save it again"
        ) from error
    lines = [(number, line) for number, line in lines if not line[0].lstrip().startswith("#")]
    if not lines:
        return []
    _, header = lines[0]
    names = [name.strip().lower() for name in header]
    if not {"image_id", "decision"} <= set(names):
        raise InvalidImage(
            f"{path}, line {lines[0][0]}: expected the columns {','.join(COLUMNS)}, found "
            f"{','.join(header)}; put them into the first line"
        )
    decisions = [_decision(path, number, names, line) for number, line in lines[1:]]
    _refuse_contradictions(path, decisions)
    return decisions


def _decision(path: Path, number: int, names: list[str], line: list[str]) -> Decision:
    if len(line) > len(names):
        raise InvalidImage(
            f"{path}, line {number}: expected {len(names)} values, found {len(line)}; put a note "
            'that holds a comma into "quotation marks"'
        )
    entry = dict.fromkeys(COLUMNS, "") | dict(zip(names, (v.strip() for v in line), strict=False))
    word = entry["decision"].lower()
    if word not in _WORDS:
        raise InvalidImage(
            f"{path}, line {number}: decision must be accept or reject, got "
            f"{entry['decision']!r} for {entry['image_id'] or 'an empty image_id'}"
        )
    identity = entry["image_id"].lower()
    if len(identity) != 16 or set(identity) - set("0123456789abcdef"):
        raise InvalidImage(
            f"{path}, line {number}: image_id must be the 16 hexadecimal digits that the contact "
            f"sheet shows, got {entry['image_id']!r}"
        )
    return Decision(
        image_id=identity,
        accept=_WORDS[word],
        note=entry["note"],
        by=entry["by"],
        line=number,
    )


def _refuse_contradictions(path: Path, decisions: list[Decision]) -> None:
    first: dict[str, Decision] = {}
    for decision in decisions:
        earlier = first.setdefault(decision.image_id, decision)
        if earlier.accept != decision.accept:
            raise InvalidImage(
                f"{path}, line {decision.line}: {decision.image_id} was decided otherwise in line "
                f"{earlier.line}; keep one of them"
            )
