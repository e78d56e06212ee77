"""What the paper prints, quoted: other objects and other cameras than any protocol here."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Literal

from dd3g_kedro.benchmark.protocol import Manifest

if TYPE_CHECKING:
    import pandas as pd

Table = Literal["I", "II", "III", "IV"]
PAPER = "arXiv 2504.00457"
NOT_COMPARABLE = (
    "Quoted, not measured here. The paper names neither its objects nor its cameras, and turned "
    "the samples by hand: its numbers cannot be compared with those of a protocol of this project."
)
# The paper says of Table II that its rows are trained by explicit supervision only, but its (d)
# equals the joint result of Tables I and III; explicit supervision alone is Table III's 19.06.
_DATASETS = {"gso": "GSO", "rtmv": "RTMV-bricks"}


def quoted(table: Table) -> pd.DataFrame:
    """The rows of one of the paper's tables, in its order.

    Returns:
        Columns row, dataset, psnr, ssim, lpips, seconds (NaN where the table has none).
    """
    import pandas as pd

    with files("dd3g_kedro.benchmark.tables").joinpath("quoted.csv").open("rb") as stream:
        whole = pd.read_csv(stream)
    return whole[whole["table"] == table].drop(columns="table").reset_index(drop=True)


def quoted_rows(source: str) -> pd.DataFrame:
    """Table I for the data set that a protocol of this source measures; no rows for other data."""
    rows = quoted("I")
    return rows[rows["dataset"] == _DATASETS.get(source)].reset_index(drop=True)


def quoted_section(manifest: Manifest) -> list[str]:
    """Table I's rows of the manifest's data set as lines of Markdown; none for other data."""
    rows = quoted_rows(manifest.source)
    if rows.empty:
        return []
    lines = [
        f"### Quoted from the paper ({PAPER}, Table I, {_DATASETS[manifest.source]})",
        "",
        NOT_COMPARABLE,
        "",
        "| method (quoted) | PSNR ↑ | SSIM ↑ | LPIPS ↓ | seconds |",
        "|---|---:|---:|---:|---:|",
    ]
    cells = [
        f"| {row.row} | {row.psnr:.2f} | {row.ssim:.3f} | {row.lpips:.3f} | {row.seconds:g} |"
        for row in rows.itertuples()
    ]
    return [*lines, *cells, ""]
