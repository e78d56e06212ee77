"""Several pictures on one, with their names: something to look at."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw, ImageFont

_MARGIN = 6  # pixels around every picture
_INK = (40, 40, 44)
_LETTERS = 12  # font size, and a little more for small letters' descents
_MORE = "…"


def contact_sheet(
    images: Sequence[UInt8[np.ndarray, "_ _ _"]],
    labels: Sequence[str],
    columns: int,
    background: tuple[int, int, int] = (255, 255, 255),
) -> Image.Image:
    """Pictures in rows, each with its label below; transparency (RGBA) shows the background.

    Cells are as large as the largest picture; smaller ones are centred, never enlarged. A label
    that is too long for its cell is cut with an ellipsis.

    Raises:
        ValueError: no pictures, another number of labels, no columns, or no RGB(A) pictures.
    """
    if not images or len(images) != len(labels) or columns < 1:
        raise ValueError(
            "contact_sheet: expected at least one picture and a column, and a label for each "
            f"picture, got {len(images)} pictures, {len(labels)} labels and {columns} columns"
        )
    if wrong := [i.shape for i in images if i.shape[2] not in (3, 4)]:
        raise ValueError(f"contact_sheet: expected height x width x 3 or 4, got {wrong[0]}")
    columns = min(columns, len(images))
    height, width = (max(image.shape[axis] for image in images) for axis in (0, 1))
    font = ImageFont.load_default(_LETTERS)
    text = _LETTERS + 6 if any(labels) else 0
    cell, row = width + 2 * _MARGIN, height + 2 * _MARGIN + text
    rows = -(-len(images) // columns)
    sheet = Image.new("RGB", (columns * cell, rows * row), background)
    draw = ImageDraw.Draw(sheet)
    for index, (pixels, label) in enumerate(zip(images, labels, strict=True)):
        left, top = index % columns * cell, index // columns * row
        picture = Image.fromarray(pixels)
        place = (left + (cell - picture.width) // 2, top + _MARGIN + (height - picture.height) // 2)
        sheet.paste(picture, place, picture if picture.mode == "RGBA" else None)
        shown = _fitted(label, draw, font, width)
        center = left + (cell - draw.textlength(shown, font)) / 2
        draw.text((center, top + _MARGIN + height + 2), shown, fill=_INK, font=font)
    return sheet


def _fitted(
    label: str,
    draw: ImageDraw.ImageDraw,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
    width: int,
) -> str:
    """The label, or as much of it as has room."""
    if draw.textlength(label, font) <= width:
        return label
    while label and draw.textlength(label + _MORE, font) > width:
        label = label[:-1]
    return label + _MORE
