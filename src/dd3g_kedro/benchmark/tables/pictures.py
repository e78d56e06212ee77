"""The picture sheet and the plot of an evaluation."""

from __future__ import annotations

import io

import pandas as pd
from PIL import Image, ImageDraw, ImageFont

from dd3g_kedro.benchmark.run import Evaluation, SheetBlock
from dd3g_kedro.benchmark.scores.names import PSNR_CAP

_TILE = 112  # pixels
_LABELS = 118  # pixels for a row's name
_LINE = 20  # pixels for a line of text
_MARGIN = 18
_AXES = {"psnr": "PSNR (dB)", "clip_similarity": "CLIP similarity"}
_INK, _FAINT = (30, 30, 30), (215, 215, 215)


def _text(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def picture_sheet(evaluation: Evaluation, columns: int = 2) -> Image.Image:
    """One block an object: the input, then ground truth and every method seen from all sides.

    Its title names the protocol.
    """
    blocks = [_block_picture(block, evaluation.methods) for block in evaluation.sheet]
    if not blocks:
        return Image.new("RGB", (_TILE, _TILE), "white")
    columns = min(columns, len(blocks))
    width, height = max(b.width for b in blocks), max(b.height for b in blocks)
    rows = -(-len(blocks) // columns)
    top = _MARGIN + _LINE
    sheet = Image.new(
        "RGB", (columns * (width + _MARGIN) + _MARGIN, rows * (height + _MARGIN) + top), "white"
    )
    manifest = evaluation.manifest
    title = f"Protocol {manifest.id} (sha256 {manifest.digest[:12]})"
    ImageDraw.Draw(sheet).text((_MARGIN, _MARGIN // 2), title, fill=_INK, font=_text(14))
    for index, block in enumerate(blocks):
        row, column = divmod(index, columns)
        sheet.paste(block, (_MARGIN + column * (width + _MARGIN), top + row * (height + _MARGIN)))
    return sheet


def _block_picture(block: SheetBlock, methods: tuple[str, ...]) -> Image.Image:
    """A row for each of ground truth and methods; a method that failed leaves its row empty."""
    names = [*(["ground truth"] if "ground truth" in block.rows else []), *methods]
    left = _TILE + _LABELS
    picture = Image.new(
        "RGB",
        (left + _TILE * len(block.azimuths_deg), 2 * _LINE + _TILE * len(names)),
        "white",
    )
    draw = ImageDraw.Draw(picture)
    draw.text((0, 0), block.object_id, fill=_INK, font=_text(14))
    draw.text((0, _LINE), "input", fill=_INK, font=_text(12))
    picture.paste(_tile(block.given), (0, 2 * _LINE))
    for column, azimuth in enumerate(block.azimuths_deg):
        place = (left + column * _TILE + 4, _LINE)
        draw.text(place, f"{azimuth:.0f}°", fill=_INK, font=_text(12))
    for row, name in enumerate(names):
        top = 2 * _LINE + row * _TILE
        label = name.replace("_", " ") if name in block.rows else f"{name} (failed)"
        draw.text((_TILE + 8, top + _TILE // 2 - 8), label, fill=_INK, font=_text(12))
        for column, view in enumerate(block.rows.get(name, ())):
            picture.paste(_tile(view), (left + column * _TILE, top))
        draw.line([(_TILE + 8, top), (picture.width, top)], fill=_FAINT)
    return picture


def _tile(pixels: object) -> Image.Image:
    return Image.fromarray(pixels).resize((_TILE, _TILE), Image.Resampling.LANCZOS)  # type: ignore[arg-type]


def azimuth_plot(table: pd.DataFrame) -> Image.Image:
    """The score of every method against the azimuth from the input; exact copies leave the axes.

    Args:
        table: `report.by_azimuth`.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), dpi=110, layout="constrained")
    axes = figure.add_subplot()
    methods = [c for c in table.columns if c not in ("protocol", "metric", "azimuth_deg")]
    for method in methods:
        label = str(method).replace("_", " ")
        axes.plot(table["azimuth_deg"], table[method], marker="o", label=label)
    metric = _AXES.get(table["metric"].iloc[0], table["metric"].iloc[0])
    axes.set_title(f"Protocol {table['protocol'].iloc[0]}", fontsize="medium")
    axes.set_xlabel("azimuth from the input (degrees)")
    axes.set_ylabel(f"{metric}, mean over objects")
    axes.set_xticks(range(0, 361, 60))
    inexact = table[methods].where(lambda values: values < PSNR_CAP - 1).max().max()
    if metric == _AXES["psnr"] and inexact > 0:
        axes.set_ylim(top=inexact + 2)
    axes.grid(alpha=0.3)
    axes.legend()
    stream = io.BytesIO()
    figure.savefig(stream, format="png")
    return Image.open(stream).convert("RGB")
