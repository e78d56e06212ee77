"""Table I as Markdown; what could not be computed is a dash with a footnote."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from dd3g_kedro.benchmark.run import Evaluation
from dd3g_kedro.benchmark.scores.intervals import CONFIDENCE, HEADLINE
from dd3g_kedro.benchmark.scores.names import (
    ALIGNED,
    ALIGNED_HEADINGS,
    ALL_HEADINGS,
    CLIP_SIMILARITY,
    DASH,
    HEADINGS,
    PSNR_CAP,
    decimals,
    less_is_better,
)
from dd3g_kedro.benchmark.tables.quoted import quoted_section

_SHOWN_FAILURES = 20


def markdown(
    evaluation: Evaluation,
    numbers: Mapping[str, Any],
    sure: pd.DataFrame,
    costs: pd.DataFrame | None = None,
) -> str:
    """The protocol, the raw and the aligned numbers, differences, costs and quoted values.

    Args:
        evaluation: what was found.
        numbers: `report.summary` of it.
        sure: `intervals.intervals` of it.
        costs: `method_costs.method_costs`, where they were measured.
    """
    protocol, truth = evaluation.protocol, evaluation.manifest.has_truth
    headings = HEADINGS if truth else {CLIP_SIMILARITY: HEADINGS[CLIP_SIMILARITY]}
    missing = {m: reason for m, reason in evaluation.missing.items() if m in headings}
    lines = [f"## Protocol {protocol['id']} (sha256 {protocol['digest'][:12]})", ""]
    lines += [*_means(evaluation.methods, numbers, headings, missing), ""]
    if evaluation.alignments:
        lines += [*_aligned(evaluation, numbers, missing), ""]
    lines += [*_ahead(sure), *_costs(costs), *_notes(evaluation, numbers, missing)]
    lines += [*_failures(evaluation), *quoted_section(evaluation.manifest)]
    return "\n".join(lines).rstrip("\n") + "\n"


def _means(
    methods: Sequence[str],
    numbers: Mapping[str, Any],
    headings: Mapping[str, str],
    missing: Mapping[str, str],
) -> list[str]:
    notes = {metric: index for index, metric in enumerate(missing, start=1)}
    titles = [
        heading + (f" [{note}]" if (note := notes.get(metric.removeprefix(ALIGNED))) else "")
        for metric, heading in headings.items()
    ]
    lines = [
        f"| method | {' | '.join(titles)} | objects |",
        f"|---|{'---:|' * (len(titles) + 1)}",
    ]
    for method in methods:
        row = numbers[method]
        cells = [
            DASH if row[metric] is None else f"{row[metric]:.{decimals(metric)}f}"
            for metric in headings
        ]
        lines.append(f"| {method} | {' | '.join(cells)} | {row['objects']} |")
    return lines


def _aligned(
    evaluation: Evaluation, numbers: Mapping[str, Any], missing: Mapping[str, str]
) -> list[str]:
    """The same for objects turned to fit their input view."""
    methods = [m for m in evaluation.methods if any(m == pair[0] for pair in evaluation.alignments)]
    return [
        f"Aligned: every object was turned about the vertical axis{_search(evaluation.protocol)} "
        "until it fitted its input view; the views that are scored took no part. Methods that only "
        "make pictures cannot be turned.",
        "",
        *_means(methods, numbers, ALIGNED_HEADINGS, missing),
    ]


def _search(protocol: Mapping[str, Any]) -> str:
    """How the alignment looked for the turn."""
    found = protocol["alignment"]
    return (
        f"{' and scaled' if found['scale'] else ', not scaled'} (every {found['step_deg']:g} "
        f"degrees, then to {found['tolerance_deg']:g}, compared at {found['size']} px)"
    )


def _ahead(sure: pd.DataFrame) -> list[str]:
    """The first method minus the others, with intervals."""
    pairs = sure[sure["minus"] != ""]
    if pairs.empty:
        return []
    shown = [metric for metric in HEADLINE if metric in set(pairs["metric"])]
    lines = [
        f"| {pairs['method'].iloc[0]} minus | {' | '.join(ALL_HEADINGS[m] for m in shown)} |",
        f"|---|{'---:|' * len(shown)}",
    ]
    for minus, rows in pairs.groupby("minus", sort=False):
        found = rows.set_index("metric")
        cells = [
            _signed(found.loc[metric], decimals(metric)) if metric in found.index else DASH
            for metric in shown
        ]
        lines.append(f"| {minus} | {' | '.join(cells)} |")
    words = f"Object by object, with {CONFIDENCE:.0%} intervals (bootstrap over objects)."
    if any(less_is_better(metric) for metric in shown):
        words += " Where the arrow points down, a negative difference is the better one."
    return [*lines, "", words, ""]


def _signed(row: pd.Series, decimals: int) -> str:
    bounds = f" [{row['low']:+.{decimals}f}, {row['high']:+.{decimals}f}]"
    return f"{row['mean']:+.{decimals}f}" + ("" if math.isnan(row["low"]) else bounds)


def _costs(costs: pd.DataFrame | None) -> list[str]:
    if costs is None or costs.empty:
        return []
    lines = [
        "| method | seconds | preprocessing | peak MiB | rounds |",
        "|---|---:|---:|---:|---:|",
    ]
    for row in costs.itertuples():
        seconds = f"{row.seconds:.3g} | {row.preprocessing_seconds:.3g}"
        lines.append(f"| {row.method} | {seconds} | {row.peak_mib:.0f} | {row.rounds} |")
    first = costs.iloc[0]
    words = (
        f"One object ({first['object_id']}), batch 1, on {first['device']}: the median of so many "
        "rounds; preprocessing of the picture is apart. Peak memory is the method's own weights "
        "and what it needed on top: of the GPU's allocations, or what the process grew by; the two "
        "must not be compared."
    )
    return [*lines, "", words, ""]


def _notes(
    evaluation: Evaluation, numbers: Mapping[str, Any], missing: Mapping[str, str]
) -> list[str]:
    protocol = evaluation.protocol
    of_all = protocol["objects_of_protocol"]
    counted = f"{protocol['objects']}" + ("" if of_all is None else f" of the protocol's {of_all}")
    cameras = (
        "the data's own cameras"
        if protocol["radius"] is None
        else f"camera radius {protocol['radius']}, field of view {protocol['fov_deg']} degrees"
    )
    lines = [
        f"{counted} objects, {protocol['views']} views each, {protocol['size']} px, background "
        f"{protocol['background']}, {cameras}. Averaged over views, then objects."
    ]
    if evaluation.manifest.has_truth:
        lines.append(
            "New views: those that do not stand at the input's camera, where a copy of the input "
            f"is exact; PSNR is capped at {PSNR_CAP:.2f} dB there (the error of 8-bit rounding)."
        )
        lines.append(
            "Sharpness: energy of the views' Laplacian over the truth's, at 128 px; 1 is as sharp "
            "as it. ImageNet features: EfficientNet-Lite0's distance, not LPIPS. Gaussians used: "
            "the share that covers a tenth of a pixel in twelve views together."
        )
    else:
        lines.append("There is no ground truth: nothing but CLIP similarity can be measured.")
    if numbers["failed"]:
        lines.append(
            f"{numbers['failed']} objects could not be scored by every method and count only "
            "where they could; per_object.csv has the reasons."
        )
    for index, (metric, reason) in enumerate(missing.items(), start=1):
        lines.append(f"[{index}] {metric} was not computed: {reason}")
    return [line for text in lines for line in (text, "")]


def _failures(evaluation: Evaluation) -> list[str]:
    """Which objects were left out for which method, and why."""
    methods: dict[tuple[str, str], list[str]] = {}
    for failure in evaluation.failures:
        methods.setdefault((failure.object_id, failure.reason), []).append(failure.method)
    if not methods:
        return []
    lines = ["### Left out", ""]
    for (name, reason), failed in list(methods.items())[:_SHOWN_FAILURES]:
        whose = "every method" if len(failed) == len(evaluation.methods) else ", ".join(failed)
        lines.append(f"- {name} ({whose}): {' '.join(reason.split())}")
    if len(methods) > _SHOWN_FAILURES:
        lines.append(f"- and {len(methods) - _SHOWN_FAILURES} more")
    return [*lines, ""]
