"""One picture file as one row of the image table."""

from __future__ import annotations

import base64
import io
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from PIL import Image

from dd3g_kedro.core.errors import InvalidImage
from dd3g_kedro.pictures.config import ImageLimits
from dd3g_kedro.pictures.decoding import DecodedImage, decode
from dd3g_kedro.pictures.measures import Measures, measure

_CONTROL = {chr(code) for code in (*range(32), 127)}


@dataclass(frozen=True, kw_only=True)
class ImageRow:
    """What is known of one file; an unreadable one has a problem and no measures."""

    file: str  # relative to the folder, with slashes
    bytes: int
    problem: str | None = None  # why the file cannot be read
    image_id: str | None = None  # of the pixels: 16 hexadecimal digits
    width: int | None = None
    height: int | None = None
    mode: str | None = None  # the file's own
    measures: Measures | None = None

    def flat(self) -> dict[str, Any]:
        """One dictionary of plain values with the measures as its own entries, in this order."""
        row = asdict(self)
        measured = row.pop("measures") or {field.name: None for field in fields(Measures)}
        return row | measured


def inspect_image(path: Path, limits: ImageLimits, root: Path | None = None) -> ImageRow:
    """Measure a picture file; a file that cannot be read gives a row too, with the reason.

    `root` is the folder that the row's `file` is relative to; none: the file's own folder.
    """
    return inspect_with_thumbnail(path, limits, root or path.parent, thumbnail=0)[0]


def inspect_with_thumbnail(
    path: Path, limits: ImageLimits, root: Path, thumbnail: int
) -> tuple[ImageRow, str | None]:
    """`inspect_image` and a small picture as a data URI, none if `thumbnail` pixels are 0."""
    name, mistake = table_name(path, root)
    try:
        size = path.stat().st_size
    except OSError:
        size = 0
    try:
        if mistake:
            raise InvalidImage(mistake)
        decoded = decode(path, limits)
    except InvalidImage as error:
        problem = str(error).removeprefix(f"{path}: ")
        return ImageRow(file=name, bytes=size, problem=problem), None
    height, width = decoded.pixels.shape[:2]
    row = ImageRow(
        file=name,
        bytes=size,
        image_id=decoded.image_id,
        width=width,
        height=height,
        mode=decoded.mode,
        measures=measure(decoded.pixels_8),
    )
    return row, _thumbnail(decoded, thumbnail) if thumbnail else None


def table_name(path: Path, root: Path) -> tuple[str, str | None]:
    """The file's name in the table, and what is wrong with it."""
    name = path.relative_to(root).as_posix()
    raw = name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    shown = "".join(c.encode("unicode_escape").decode() if c in _CONTROL else c for c in raw)
    if shown == name:
        return name, None
    return shown, "the file's name is not UTF-8 or holds control characters; rename the file"


def _thumbnail(decoded: DecodedImage, side: int) -> str:
    picture = Image.fromarray(decoded.pixels_8)
    picture.thumbnail((side, side), Image.Resampling.BOX, reducing_gap=2.0)
    stream = io.BytesIO()
    picture.save(stream, "WEBP", quality=70, method=2)
    return "data:image/webp;base64," + base64.b64encode(stream.getvalue()).decode()
