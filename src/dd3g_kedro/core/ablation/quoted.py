"""What the paper prints in Tables II to IV, by this project's names of the rows."""

from __future__ import annotations

import csv
from importlib.resources import files

from dd3g_kedro.core.ablation.config import TABLES

METRICS = ("psnr", "ssim", "lpips")  # LPIPS without a named backbone
# of Table II (d), which is said to be trained by explicit supervision alone
JOINT_IN_TABLE_II = (
    "The paper says that Table II is trained by explicit supervision alone, but its (d) equals the "
    "joint result; Table III gives 19.06 / 0.862 / 0.147 for explicit supervision alone."
)
NOT_COMPARABLE = (
    "Quoted values are the paper's (arXiv 2504.00457), on Google Scanned Objects, at its size and "
    "budget: only their order can be compared with what was measured here."
)


def quoted_rows(table: str) -> dict[str, dict[str, float]]:
    """psnr, ssim and lpips of each row of a table; empty for tables that the paper has not."""
    text = files("dd3g_kedro.core.ablation").joinpath("quoted.csv").read_text("utf-8")
    lines = [line for line in csv.DictReader(text.splitlines()) if line["table"] == table]
    pairs = zip(TABLES.get(table, ()), lines, strict=False)
    return {row: {metric: float(line[metric]) for metric in METRICS} for row, line in pairs}
