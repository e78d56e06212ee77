"""A table of the ablations in words: Markdown with its verdicts."""

from __future__ import annotations

import math
from typing import Any

from dd3g_kedro.ablation.quoted import JOINT_IN_TABLE_II, ONLY_THE_ORDER
from dd3g_kedro.ablation.tables import SHOWN, AblationTable
from dd3g_kedro.ablation.verdicts import Difference
from dd3g_kedro.benchmark.scores.intervals import CONFIDENCE, FEWEST
from dd3g_kedro.benchmark.scores.names import HEADINGS

_HEADINGS = HEADINGS | {
    "novel_ssim": "SSIM, new views ↑",
    "teacher_psnr": "PSNR to the teacher ↑",
    "noise_gain": "gain by the noise ↑",
    "student_spread": "spread over noise",
    "contrast_psnr": "PSNR over green ↑",
    "stray_opacity": "stray opacity ↓",
}
_DB = ("psnr", "novel_psnr", "foreground_psnr", "teacher_psnr", "noise_gain", "contrast_psnr")
_DASH = "\N{EN DASH}"
_SUBJECTS = {
    "design": "Joint optimization as chosen",
    "method": "The method's claim",
    "bound": "The truth, the bound for this data,",
}
_VERBS = {"design": "is the better choice", "bound": "is ahead of the teacher"}
_VERDICTS = ("holds", "reversed", "undecided", "not run")


def markdown(table: AblationTable) -> str:
    """The table, its comparisons, a sentence on them, and what must be known to read it."""
    shown = [metric for metric in SHOWN if any(line[metric] is not None for line in table.lines)]
    quoted = any(line["quoted_psnr"] is not None for line in table.lines)
    heads = [_HEADINGS[metric] for metric in shown]
    heads += ["quoted PSNR", "quoted SSIM", "quoted LPIPS"] if quoted else []
    lines = [f"## {table.title}", "", f"| row | {' | '.join(heads)} |"]
    lines.append(f"|---|{'---:|' * len(heads)}")
    lines += [f"| {' | '.join(_cells(line, shown, quoted))} |" for line in table.lines]
    lines += ["", *_comparisons(table), "", sentence(table), "", *_notes(table, quoted)]
    return "\n".join(lines).rstrip() + "\n"


def sentence(table: AblationTable) -> str:
    """Whether the claims, or the paper's order, hold."""
    parts = {verdict: [] for verdict in _VERDICTS}  # type: dict[str, list[str]]
    for claim, found in zip(table.claims, table.differences, strict=True):
        parts[found.verdict].append(claim)
    decided = sum(len(parts[verdict]) for verdict in _VERDICTS[:3])
    if table.name in ("II", "III", "IV"):
        subject = "The paper's order, by PSNR,"
    else:
        subject = _SUBJECTS[table.name]
    if not decided:
        return f"{subject} cannot be judged yet: its rows were not run."
    verb = _VERBS.get(table.name, "holds")
    told = f"{subject} {verb} in {len(parts['holds'])} of {decided} comparisons."
    for verdict in _VERDICTS[1:]:
        if parts[verdict]:
            told += f" {verdict.capitalize()}: {'; '.join(parts[verdict])}."
    return told


def _cells(line: dict[str, Any], shown: list[str], quoted: bool) -> list[str]:
    label = line["label"] + (f" (= {line['same_as']})" if line["same_as"] else "")
    cells = [label, *(_measured(line, metric) for metric in shown)]
    if quoted:
        cells += [
            _DASH if line[f"quoted_{metric}"] is None else f"{line[f'quoted_{metric}']:.{places}f}"
            for metric, places in (("psnr", 2), ("ssim", 3), ("lpips", 3))
        ]
    return cells


def _measured(line: dict[str, Any], metric: str) -> str:
    mean, low, high = (line[f"{metric}{suffix}"] for suffix in ("", "_low", "_high"))
    if mean is None:
        return _DASH
    places = 2 if metric in _DB else 3
    bounds = "" if math.isnan(low) else f" [{low:.{places}f}, {high:.{places}f}]"
    return f"{mean:.{places}f}{bounds}"


def _comparisons(table: AblationTable) -> list[str]:
    rows = []
    for claim, found in zip(table.claims, table.differences, strict=True):
        metric = _HEADINGS[found.metric].rstrip(" ↑↓")
        rows.append(f"| {claim} | {metric} | {_signed(found)} | {found.verdict} |")
    return ["| claim | by | ahead by | verdict |", "|---|---|---:|---|", *rows]


def _signed(found: Difference) -> str:
    if not found.count:
        return _DASH
    places = 2 if found.metric in _DB else 4
    bounds = f" [{found.low:+.{places}f}, {found.high:+.{places}f}]"
    return f"{found.mean:+.{places}f}" + ("" if math.isnan(found.low) else bounds)


def _notes(table: AblationTable, quoted: bool) -> list[str]:
    counts = sorted({found.count for found in table.differences if found.count})
    told = " or ".join(map(str, counts)) or "no"
    seeds = sorted({line["seed"] for line in table.lines if line["seed"] is not None})
    trained = f", seed {' or '.join(map(str, seeds))}" if seeds else ""
    notes = [f"Measured under the protocol {table.protocol}."] if table.protocol else []
    notes += [
        f"{CONFIDENCE:.0%} intervals by bootstrap over {told} objects or images; differences are "
        "taken object by object, and one whose interval holds 0, or that "
        f"has fewer than {FEWEST}, is undecided. One training a row"
        f"{trained}: the intervals say nothing of other seeds of the training."
    ]
    machines = {line["device"]: None for line in table.lines if line["device"]}
    minutes = sum(line["minutes"] or 0 for line in table.lines if not line["same_as"])
    if machines:
        notes.append(f"Trained on {', '.join(machines)}, {minutes:.1f} minutes in all.")
    if not table.comparable:
        notes.append(
            "**The rows differ in budget, pool of quadruples, teacher, common settings or in what "
            "they were measured on; run `kedro run --pipelines=ablate` to bring them up to date.**"
        )
    if quoted:
        notes.append(ONLY_THE_ORDER)
    if table.name == "II":
        notes.append(JOINT_IN_TABLE_II)
    return [line for note in notes for line in (note, "")]
