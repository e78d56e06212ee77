"""Measured pictures to the image table: accepted, or rejected with the reasons in words.

Importing this module takes seconds; pipelines import it inside functions.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import cast

import numpy as np
import pandas as pd
from great_expectations.expectations.expectation import Expectation

from dd3g_kedro.expectations.image_criteria import (
    Criterion,
    original_suite,
    quality_suite,
    readable_suite,
    usable_suite,
)
from dd3g_kedro.expectations.suites import run_suite
from dd3g_kedro.pictures.config import ImageCriteria
from dd3g_kedro.pictures.decisions import Decision
from dd3g_kedro.pictures.similarity import as_hashes, earlier_duplicates, nearest_neighbours
from dd3g_kedro.pictures.sources import SOURCE_COLUMNS, ImageSource

BY_EXPECTATIONS = "expectations"
_FIRST = ["image_id", "file", "accepted", "reasons", "decided_by", "note"]
_AIDS = ["short_side", "border_contact", "repeats", "repeats_distance", "identical"]
_BORDERS = ["border_left", "border_top", "border_right", "border_bottom"]
_MEAN_COLOR = ["mean_red", "mean_green", "mean_blue"]
_LOG = logging.getLogger(__name__)


def judge_images(
    measures: pd.DataFrame,
    sources: dict[str, ImageSource],
    decisions: Sequence[Decision],
    criteria: ImageCriteria,
) -> pd.DataFrame:
    """The image table: one row for each file, in the order of names.

    First come the flaws that make a picture unusable, then its quality, then a person's decisions,
    then repeats among what is left. A person overrules quality and near-duplicates; an unusable
    picture and a second copy of the same pixels stay rejected.
    """
    table = _with_context(measures, sources)
    unreadable = _flaws(table, readable_suite())
    unusable = _flaws(table[unreadable == ""], usable_suite())
    usable = (unreadable == "") & (unusable.reindex(table.index) == "")
    poor = _flaws(table[usable], quality_suite(criteria))
    decided = _decided(table, decisions)
    refused = decided.map(lambda d: d is not None and not d.accept) & usable
    wanted = decided.map(lambda d: d is not None and d.accept) & usable
    candidates = ((poor.reindex(table.index) == "") | wanted) & ~refused & usable
    _add_repeats(table, candidates, criteria)
    repeating = _flaws(table[candidates], original_suite())
    table["accepted"] = candidates & (table["repeats"].isna() | (wanted & ~table["identical"]))
    said = decided[refused].map(lambda d: f"rejected by {_name(d)}" + (d.note and f": {d.note}"))
    table["reasons"] = _joined(table.index, [unreadable, unusable, poor, said, repeating])
    by_person = refused | (wanted & table["accepted"])
    table["decided_by"] = decided.map(_name).where(by_person, BY_EXPECTATIONS).astype("str")
    table["note"] = decided.map(lambda d: d.note if d else "").astype("str")
    _tell(table, decided, usable)
    return table[[*_FIRST, *(c for c in table.columns if c not in (*_FIRST, *_AIDS))]]


def _with_context(measures: pd.DataFrame, sources: dict[str, ImageSource]) -> pd.DataFrame:
    """Add what follows from several columns or from other files."""
    table = measures.sort_values("file", ignore_index=True)
    table["short_side"] = table[["width", "height"]].min(axis=1)
    table["border_contact"] = table[_BORDERS].max(axis=1)
    hashed = np.flatnonzero(table["phash"].notna())
    nearest, distance = nearest_neighbours(as_hashes(list(table["phash"].iloc[hashed])))
    alone = nearest < 0
    files = table["file"].iloc[hashed[nearest]].to_numpy(dtype=object) if len(hashed) else []
    near = pd.DataFrame({"file": files, "distance": distance}, index=hashed)[~alone]
    table["nearest_file"] = near["file"].reindex(table.index).astype("str")
    table["nearest_distance"] = near["distance"].reindex(table.index).astype("Int64")
    none = ImageSource()
    for column in SOURCE_COLUMNS:
        table[column] = [getattr(sources.get(file, none), column) for file in table["file"]]
    return table


def _flaws(rows: pd.DataFrame, suite: Sequence[Expectation]) -> pd.Series:
    """For each row the reasons why it fails the suite, joined; empty for one that passes."""
    words: dict[str, list[str]] = {file: [] for file in rows["file"]}
    by_file = rows.set_index("file", drop=False)
    if len(rows):
        for verdict in run_suite(rows, "images", suite, key="file"):
            criterion = cast(Criterion, verdict.expectation)
            for file in verdict.unexpected:
                words[file].append(criterion.reason(by_file.loc[file]))
    return pd.Series(["; ".join(words[file]) for file in rows["file"]], rows.index, dtype="str")


def _decided(table: pd.DataFrame, decisions: Sequence[Decision]) -> pd.Series:
    """Each row's decision, None where nobody decided."""
    by_id = {decision.image_id: decision for decision in decisions}
    known = set(table["image_id"].dropna())
    for decision in decisions:
        if decision.image_id not in known:
            _LOG.warning(
                "decisions, line %d: no picture of the folder has the image_id %s; the line has no "
                "effect. The contact sheet shows the ids.",
                decision.line,
                decision.image_id,
            )
    found = [by_id.get(image_id) for image_id in table["image_id"]]
    return pd.Series(found, table.index, dtype=object)


def _add_repeats(table: pd.DataFrame, candidates: pd.Series, criteria: ImageCriteria) -> None:
    """Which earlier candidate each candidate repeats: the same pixels, or nearly."""
    rows = np.flatnonzero(candidates)
    ids = table["image_id"].iloc[rows]
    first_of = dict(zip(ids[::-1], rows[::-1], strict=True))
    identical = {row: first_of[key] for row, key in zip(rows, ids, strict=True)}
    unique = np.array([row for row in rows if identical[row] == row], dtype=np.int64)
    alike = earlier_duplicates(
        hashes := as_hashes(list(table["phash"].iloc[unique])),
        table[_MEAN_COLOR].iloc[unique].to_numpy(),
        criteria.duplicate_distance,
        criteria.duplicate_color,
    )
    table["repeats"] = pd.Series(None, table.index, dtype="str")
    table["repeats_distance"] = 0
    table["identical"] = False
    for row in rows[[identical[row] != row for row in rows]]:
        table.loc[row, ["repeats", "identical"]] = [table["file"].iloc[identical[row]], True]
    for index in np.flatnonzero(alike >= 0):
        other = alike[index]
        table.loc[unique[index], "repeats"] = table["file"].iloc[unique[other]]
        apart = int(np.bitwise_count(hashes[index] ^ hashes[other]))
        table.loc[unique[index], "repeats_distance"] = apart


def _joined(index: pd.Index, parts: Sequence[pd.Series]) -> pd.Series:
    """Reasons of several suites in one text."""
    table = pd.concat([part.reindex(index) for part in parts], axis=1).fillna("")
    texts = ["; ".join(text for text in row if text) for row in table.itertuples(index=False)]
    return pd.Series(texts, index, dtype="str")


def _name(decision: Decision | None) -> str:
    return (decision and decision.by) or "a person"


def _tell(table: pd.DataFrame, decided: pd.Series, usable: pd.Series) -> None:
    """Say in the log what came out, and which decisions could not be followed."""
    for row in np.flatnonzero(decided.map(lambda d: d is not None and d.accept) & ~usable):
        _LOG.warning(
            "decisions, line %d: %s cannot be accepted (%s)",
            decided.iloc[row].line,
            table["file"].iloc[row],
            table["reasons"].iloc[row],
        )
    accepted = int(table["accepted"].sum())
    told = _LOG.info if accepted else _LOG.warning
    told("%d of %d pictures accepted, %d rejected", accepted, len(table), len(table) - accepted)
