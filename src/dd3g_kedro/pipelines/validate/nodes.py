"""A folder of pictures in, the image table and a page to look at out."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeAlias

from dd3g_kedro.pictures.config import ValidateConfig

Table: TypeAlias = Any  # pandas.DataFrame, which Kedro's start does without
Decisions: TypeAlias = Any  # list of pictures.decisions.Decision


def inspect_images(collected_images: Path, inspections: Path, validate: ValidateConfig) -> Table:
    """Measure every file of the folder; unreadable ones are rows too."""
    from dd3g_kedro.pictures.folder_inspection import inspect_folder
    from dd3g_kedro.pictures.table import as_table

    return as_table(inspect_folder(collected_images, inspections, validate.inspection))


def judge_images(
    measures: Table,
    collected_images: Path,
    decisions: Decisions,
    validate: ValidateConfig,
) -> Table:
    """Accept or reject every picture, with the reasons in words."""
    from dd3g_kedro.expectations.judging import judge_images as judge
    from dd3g_kedro.pictures.sources import read_sources, warn_of_strangers

    sources = read_sources(collected_images)
    warn_of_strangers(collected_images, sources, set(measures["file"]))
    return judge(measures, sources, decisions, validate.criteria)


def draw_contact_sheet(
    image_table: Table,
    collected_images: Path,
    inspections: Path,
    destination: Path,
    validate: ValidateConfig,
) -> Path:
    """Write the page that shows every picture and what was decided."""
    from dd3g_kedro.pictures.contact_sheet import write_contact_sheet
    from dd3g_kedro.pictures.folder_inspection import thumbnails

    files = list(image_table["file"])
    small = thumbnails(collected_images, inspections, validate.inspection, files)
    rows = image_table.to_dict("records")
    write_contact_sheet(destination, rows, small, validate.contact_sheet)
    return destination
