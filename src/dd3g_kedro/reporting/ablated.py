"""What `ablate` stored: tables, figures, each row's pictures, and the walks and variations."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from dd3g_kedro.benchmark.tables.strips import data_uri, webp
from dd3g_kedro.core.errors import DD3GError

TITLES = {  # where a table does not say its own
    "II": "Table II: architectures",
    "III": "Table III: objectives",
    "IV": "Table IV: data",
    "design": "Design choices",
    "method": "Whether it is the method that works",
    "bound": "How far distillation is from the truth",
}
STRIPS = {
    "interpolation": "Interpolation of image tokens (Fig. 9)",
    "diversity": "Several noises for one image (Fig. 10)",
}
_VERDICTS = ("holds", "reversed", "undecided", "not run")
_WIDEST = 1600  # pixels
_QUALITY = 85


@dataclass(frozen=True)
class AblationRow:
    """One trained row."""

    name: str
    label: str
    protocol: str  # id and digest, or what its numbers were measured on
    sheet: str  # data URI; "" without one


@dataclass(frozen=True)
class ShownTable:
    """One table with its figure and rows; `html` is None where it was not made."""

    name: str
    title: str
    html: str | None
    figure: str
    rows: tuple[AblationRow, ...]

    @property
    def protocols(self) -> tuple[str, ...]:
        """What the rows were measured on: one, or they cannot be compared."""
        return tuple(dict.fromkeys(row.protocol for row in self.rows))


@dataclass(frozen=True)
class Strip:
    """A picture of many objects, with measures."""

    name: str
    title: str
    picture: str  # data URI; "" where it was not made
    measures: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Ablated:
    """Everything; what is missing says so itself."""

    tables: tuple[ShownTable, ...]
    strips: tuple[Strip, ...]


def read_ablations(folder: Path) -> Ablated:
    """Read what there is in the folder, which need not be there.

    Raises:
        DD3GError: a file cannot be read.
    """
    rows = _rows(folder / "rows")
    tables = []
    for name, title in TITLES.items():
        own = tuple(row for table, row in rows if table == name)
        path = folder / f"{name}.md"
        words = path.read_text("utf-8") if path.is_file() else None
        html = None if words is None else _html(words)
        said = (words or "").partition("\n")[0].removeprefix("## ") or title
        tables.append(ShownTable(name, said, html, _picture(folder / f"{name}.png"), own))
    strips = [
        Strip(name, title, _picture(folder / f"{name}.png"), _means(folder / f"{name}.json"))
        for name, title in STRIPS.items()
    ]
    return Ablated(tuple(tables), tuple(strips))


def _rows(folder: Path) -> list[tuple[str, AblationRow]]:
    """The rows that have numbers of their own, with their table."""
    rows = []
    for path in sorted(folder.glob("*/result.json")):
        document = _json(path)
        if "metrics" not in document:
            continue
        row = AblationRow(
            name=path.parent.name,
            label=str(document.get("label", path.parent.name)),
            protocol=_protocol(document),
            sheet=_picture(path.with_name("sheet.png")),
        )
        rows.append((str(document.get("table", "")), row))
    return rows


def _protocol(document: dict[str, Any]) -> str:
    """Its id and digest; where the row did not note them, what it was measured on."""
    found = document.get("protocol")
    if isinstance(found, dict) and "id" in found:
        return f"{found['id']} · {str(found.get('digest', ''))[:12]}"
    return f"benchmark {str(document.get('measured_on', 'unknown'))[:12]}"


def _html(words: str) -> str:
    """Markdown as HTML; what is HTML in it already is shown as text."""
    from markdown_it import MarkdownIt

    without_title = "\n".join(line for line in words.splitlines() if not line.startswith("## "))
    made = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
    html = str(made.render(without_title))
    for verdict in _VERDICTS:
        marked = f'<td class="verdict {verdict.replace(" ", "-")}">{verdict}</td>'
        html = html.replace(f"<td>{verdict}</td>", marked)
    return html.replace("<table>", '<div class="scroll"><table>').replace(
        "</table>", "</table></div>"
    )


def _means(path: Path) -> tuple[tuple[str, str], ...]:
    """The numbers of its `mean`, by name."""
    means = _json(path).get("mean", {}) if path.is_file() else {}
    return tuple(
        (str(key).replace("_", " "), f"{value:.4g}")
        for key, value in means.items()
        if isinstance(value, int | float)
    )


def _json(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text("utf-8"))
        if not isinstance(document, dict):
            raise ValueError("it is no mapping")
    except (OSError, ValueError) as error:
        raise DD3GError(
            f"{path}: expected what `ablate` writes, but {error}. Delete it and run "
            "`kedro run --pipelines=ablate`"
        ) from error
    return document


def _picture(path: Path) -> str:
    if not path.is_file():
        return ""
    try:
        with Image.open(path) as stored:
            picture = stored.convert("RGB")
    except (OSError, SyntaxError, ValueError) as error:
        raise DD3GError(
            f"{path}: expected a picture, it cannot be read ({error}). Delete it and run "
            "`kedro run --pipelines=ablate`"
        ) from error
    if picture.width > _WIDEST:
        height = round(picture.height * _WIDEST / picture.width)
        picture = picture.resize((_WIDEST, max(height, 1)), Image.Resampling.LANCZOS)
    return data_uri(webp(np.asarray(picture), _QUALITY))
