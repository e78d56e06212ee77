"""Tables II, III and IV, the design choices, and whether the method works as it claims."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dd3g_kedro.ablation.config import REFERENCE, TABLES, AblateConfig
from dd3g_kedro.ablation.quoted import METRICS as QUOTED
from dd3g_kedro.ablation.quoted import quoted_rows
from dd3g_kedro.ablation.results import RowResult, unmeasured
from dd3g_kedro.ablation.verdicts import Difference, claimed_pairs, difference, resolved
from dd3g_kedro.benchmark.scores.intervals import mean_interval

if TYPE_CHECKING:
    import pandas as pd

TITLES = {
    "II": "Table II: architectures under explicit supervision",
    "III": "Table III: objectives",
    "IV": "Table IV: data",
    "design": "Design choices, each against joint optimization",
    "method": "Whether it is the method that works",
    "bound": "How far distillation is from the truth",
}
# what the method promises: the better row, the worse one ("" for zero), the metric, the claim
CLAIMS = (
    ("explicit", "", "noise_gain", "the student follows its teacher's object for that noise"),
    ("explicit", "pd_only", "teacher_psnr", "it follows it better with PE than without"),
    ("joint", "explicit", "novel_psnr", "verification helps views that the input does not show"),
    ("joint", "explicit", "novel_ssim", "verification helps their structure"),
    ("joint", "explicit", "contrast_psnr", "verification removes what white hides"),
    ("joint", "background_fixed", "stray_opacity", "a random background removes floaters"),
    ("joint", "background_fixed", "contrast_psnr", "so that another background shows none"),
)
_CLAIMING = tuple(dict.fromkeys(row for claim in CLAIMS for row in claim[:2] if row))
# what the teacher costs: the same student that learns from the truth is the better one
BOUNDS = (
    ("true_views", "explicit", "psnr", "the truth teaches more than the teacher's views"),
    ("true_views", "joint", "psnr", "the truth teaches more than joint optimization"),
    ("true_views", "joint", "novel_psnr", "so it does for views that the input does not show"),
)
SHOWN = (
    *("psnr", "novel_psnr", "ssim", "foreground_psnr", "lpips_vgg", "lpips_alex"),
    *("teacher_psnr", "noise_gain", "student_spread", "contrast_psnr", "stray_opacity"),
)


@dataclass(frozen=True)
class AblationTable:
    """One table: a line each row, and the comparisons that it is there for."""

    name: str
    title: str
    lines: list[dict[str, Any]]  # row, label, metrics with `_low` and `_high`, quoted_...
    differences: list[Difference]
    claims: list[str]  # of each difference, what it says where it holds
    labels: dict[str, str]
    comparable: bool  # whether rows differ in nothing but what they change
    protocol: str  # id and digest of what they were measured under; empty without rows

    def frame(self) -> pd.DataFrame:
        """The lines."""
        import pandas as pd

        frame = pd.DataFrame([{**line, "protocol": self.protocol} for line in self.lines])
        return frame.astype({"seed": "Int64"})  # whole, where rows without numbers have none

    def pairs(self) -> pd.DataFrame:
        """The comparisons."""
        import pandas as pd

        columns = ["better", "worse", "metric", "count", "mean", "low", "high"]
        rows = [
            {"claim": claim, **vars(found), "verdict": found.verdict, "protocol": self.protocol}
            for claim, found in zip(self.claims, self.differences, strict=True)
        ]
        return pd.DataFrame(rows, columns=["claim", *columns, "verdict", "protocol"]).round(6)


def rows_of(table: str) -> tuple[str, ...]:
    """The rows that stand in a table."""
    if table == "method":
        return _CLAIMING
    if table == "bound":
        return ("explicit", REFERENCE, *TABLES[table])
    return (REFERENCE, *TABLES[table]) if table == "design" else TABLES[table]


def ablation_table(
    name: str, results: Mapping[str, RowResult | None], ablate: AblateConfig
) -> AblationTable:
    """Gather the rows that have results; the others are empty lines."""
    same = {row for row, told in ablate.rows.items() if told is not None and told.same_as}
    results = {**results, **{row: unmeasured(row, ablate) for row in same}}
    found, quoted = resolved(results), quoted_rows(name)
    rows = rows_of(name)
    labels = {row: _label(row, ablate) for row in rows}
    if name in ("method", "bound"):
        told = CLAIMS if name == "method" else BOUNDS
        claims = [claim[3] for claim in told]
        differences = [difference(found, *claim[:3]) for claim in told]
    elif name == "design":
        others = TABLES["design"]
        differences = [difference(found, REFERENCE, row, "psnr") for row in others]
        claims = [f"{labels[REFERENCE]} is better than: {labels[row]}" for row in others]
    else:
        differences = claimed_pairs(found, quoted)
        claims = [f"{labels[d.better]} is better than {labels[d.worse]}" for d in differences]
    return AblationTable(
        name=name,
        title=TITLES[name],
        lines=[_line(row, labels[row], results.get(row), found, quoted) for row in rows],
        differences=differences,
        claims=claims,
        labels=labels,
        comparable=_comparable([found[row] for row in rows if row in found]),
        protocol=", ".join(dict.fromkeys(_protocol(found[row]) for row in rows if row in found)),
    )


def _comparable(results: Sequence[RowResult]) -> bool:
    """Whether rows agree in all that none changes; the truth is no part of the quadruples."""
    common = [_common(result) for result in results]
    distilled = [
        one for one in results if one.document["settings"].get("quadruples", {}) is not None
    ]
    pools = [one.document["training"].get("data") for one in distilled]
    return all(found == kind[0] for kind in (common, pools) for found in kind)


def _common(result: RowResult) -> list[Any]:
    """What rows must agree in; results older than a key agree in its absence."""
    settings, training = result.document["settings"], result.document["training"]
    return [
        result.document["measured_on"],
        *(settings.get(key) for key in ("optimization", "perceptual")),
        settings.get("verified_share", 1.0),
        *(training.get(key) for key in ("teacher", "common")),
    ]


def _protocol(result: RowResult) -> str:
    protocol = result.document["protocol"]
    return f"{protocol['id']} (sha256 {protocol['digest'][:12]})"


def _label(row: str, ablate: AblateConfig) -> str:
    told = ablate.rows.get(row)
    return told.label if told is not None else row.replace("_", " ")


def _line(
    row: str,
    label: str,
    own: RowResult | None,
    found: Mapping[str, RowResult],
    quoted: Mapping[str, Mapping[str, float]],
) -> dict[str, Any]:
    line: dict[str, Any] = {"row": row, "label": label}
    line["same_as"] = "" if own is None else own.document.get("same_as") or ""
    training = found[row].document["training"] if row in found else {}
    for key in ("quadruples", "parameters", "minutes", "device"):
        line[key] = training.get(key)
    line["seed"] = found[row].document["settings"]["optimization"]["seed"] if row in found else None
    for metric in SHOWN:
        values = found[row].values(metric) if row in found else {}
        numbers = mean_interval(np.array(list(values.values()))) if values else (None,) * 3
        for suffix, number in zip(("", "_low", "_high"), numbers, strict=True):
            line[f"{metric}{suffix}"] = None if number is None else round(number, 6)
    for metric in QUOTED:
        line[f"quoted_{metric}"] = quoted.get(row, {}).get(metric)
    return line
