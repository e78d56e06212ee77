"""A table of the ablations as a picture."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from typing import Any

from PIL import Image

from dd3g_kedro.ablation.tables import AblationTable

_COLORS = {"holds": "#1a7f37", "reversed": "#b3261e", "undecided": "#666666", "not run": "#bbbbbb"}


def figure(table: AblationTable) -> Image.Image:
    """PSNR of each row with its interval, the paper's beside it, and the comparisons below."""
    from matplotlib.figure import Figure

    rows, claims = len(table.lines), len(table.differences)
    quoted = any(line["quoted_psnr"] is not None for line in table.lines)
    drawn = Figure(figsize=(10, 2.1 + 0.34 * (rows + claims)), dpi=110, layout="constrained")
    parts: Any = drawn.subfigures(2, 1, height_ratios=[rows + 2, claims + 2])
    panels: Any = parts[0].subplots(1, 2 if quoted else 1, sharey=True, squeeze=False)[0]
    drawn.suptitle("\n".join(filter(None, [table.title, table.protocol])))
    _measured(panels[0], table)
    if quoted:
        _quoted(panels[1], table)
    _compared(parts[1].subplots(), table)
    stream = io.BytesIO()
    drawn.savefig(stream, format="png")
    return Image.open(stream).convert("RGB")


def _measured(axes: Any, table: AblationTable) -> None:
    for place, line in enumerate(table.lines):
        if line["psnr"] is not None:
            ends = [line[f"psnr{end}"] for end in ("", "_low", "_high")]
            _whisker(axes, place, ends, "#1f4e8c")
    axes.set_yticks(range(len(table.lines)), [line["label"] for line in table.lines])
    axes.set_ylim(len(table.lines) - 0.5, -0.5)
    axes.set_xlabel("PSNR (dB), measured")
    axes.grid(axis="x", alpha=0.3)


def _quoted(axes: Any, table: AblationTable) -> None:
    points = [
        (line["quoted_psnr"], place)
        for place, line in enumerate(table.lines)
        if line["quoted_psnr"] is not None
    ]
    axes.plot(*zip(*points, strict=True), "D", markerfacecolor="none", color="#8c5a1f")
    axes.set_xlabel("PSNR (dB), quoted from the paper")
    axes.grid(axis="x", alpha=0.3)


def _compared(axes: Any, table: AblationTable) -> None:
    """Differences in dB; those of several metrics in half widths of their intervals."""
    several = len({found.metric for found in table.differences}) > 1
    axes.axvline(0, color="black", linewidth=0.8)
    for place, found in enumerate(table.differences):
        half = (found.high - found.low) / 2 if several else 1.0
        if found.count and half > 0:
            ends = [value / half for value in (found.mean, found.low, found.high)]
            _whisker(axes, place, ends, _COLORS[found.verdict])
    names = [
        f"{claim}: {found.verdict}"
        for claim, found in zip(table.claims, table.differences, strict=True)
    ]
    axes.set_yticks(range(len(names)), names, fontsize=8)
    axes.set_ylim(len(names) - 0.5, -0.5)
    unit = "half widths of its 95 % interval" if several else "dB of PSNR"
    axes.set_xlabel(f"difference, in {unit}")
    axes.grid(axis="x", alpha=0.3)


def _whisker(axes: Any, place: int, interval: Sequence[float], color: str) -> None:
    mean, low, high = interval
    ends = None if math.isnan(low) else [[max(mean - low, 0)], [max(high - mean, 0)]]
    axes.errorbar([mean], [place], xerr=ends, fmt="o", color=color, capsize=3)
