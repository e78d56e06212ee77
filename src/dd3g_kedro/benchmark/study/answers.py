"""The user study's answers: files that participants sent, to mean scores with intervals."""

from __future__ import annotations

import contextlib
import json
import logging
import math
import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from dd3g_kedro.benchmark.config import BEST, WORST
from dd3g_kedro.benchmark.scores.intervals import mean_interval
from dd3g_kedro.benchmark.study.page import StudyKey

_LOG = logging.getLogger(__name__)
_CODE = re.compile(r"[A-Za-z0-9_-]{1,40}")
_LARGEST = 4_000_000  # bytes
_FORMAT = 1
COLUMNS = ("file", "participant", "object_id", "method", "score", "reason")


class _Refused(Exception):
    """Why a file does not count."""


@dataclass(frozen=True)
class _Answers:
    file: str
    participant: str
    started: str
    finished: str
    scores: Mapping[str, int]  # by opaque name


def named_studies(folder: Path) -> set[str]:
    """Digests of the pages that the readable answers of a folder are of."""
    studies = set()
    for path in Path(folder).glob("*.json"):
        with contextlib.suppress(_Refused):
            studies.add(str(_content(path).get("study")))
    return studies


def read_scores(folder: Path, key: StudyKey) -> pd.DataFrame:
    """The scores of all `*.json` files of a folder, by object and method.

    A file that does not count becomes one row with its reason and without a score: damaged, of
    another study, unfinished, with scores that are missing or out of range. Of several files of one
    session the one finished last counts; a code used in two sessions counts in none.

    Args:
        folder: what the participants sent back.
        key: of the page that they saw.

    Returns:
        Columns file, participant, object_id, method, score (NaN: none), reason ("": it counts).

    Raises:
        ValueError: the folder is not there or holds no `*.json`.
    """
    paths = sorted(path for path in Path(folder).glob("*.json") if path.is_file())
    if not paths:
        what = "no .json file in it" if Path(folder).is_dir() else "no such folder"
        raise ValueError(
            f"{folder}: expected the user study's answers (study-*.json), found {what}; put the "
            "participants' files there, or set evaluate.study.folder to null"
        )
    answers, reasons = [], {}
    for path in paths:
        try:
            answers.append(_read(path, key))
        except _Refused as refusal:
            reasons[path.name] = str(refusal)
    reasons |= _repeated(answers)
    for file, reason in reasons.items():
        _LOG.warning("user study: %s does not count: %s", file, reason)
    return pd.DataFrame(_rows(answers, reasons, key), columns=list(COLUMNS))


def _rows(
    answers: list[_Answers], reasons: Mapping[str, str], key: StudyKey
) -> list[dict[str, Any]]:
    """What does not count first, then every score that does."""
    known = {found.file: found.participant for found in answers}
    nothing = {"object_id": "", "method": "", "score": math.nan}
    rows: list[dict[str, Any]] = [
        {"file": file, "participant": known.get(file, ""), "reason": reason} | nothing
        for file, reason in sorted(reasons.items())
    ]
    for found in answers:
        for sample, (name, method) in key.samples.items() if found.file not in reasons else ():
            row = {"object_id": name, "method": method, "score": float(found.scores[sample])}
            rows.append({"file": found.file, "participant": found.participant, "reason": ""} | row)
    return rows


def _content(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > _LARGEST:
            raise _Refused(f"expected a small file, it has {path.stat().st_size} bytes")
        content = json.loads(path.read_text("utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise _Refused(f"damaged: {' '.join(str(error).split())[:120]}") from error
    if not isinstance(content, dict) or content.get("format") != _FORMAT:
        raise _Refused("expected the JSON file that the study's page saves, found another")
    return content


def _read(path: Path, key: StudyKey) -> _Answers:
    content = _content(path)
    if content.get("study") != key.study:
        raise _Refused(
            f"of another study ({str(content.get('study'))[:8]}), this one is {key.study[:8]}"
        )
    texts = [content.get(name) for name in ("participant", "started", "finished")]
    participant, started, finished = texts
    if not isinstance(participant, str) or not _CODE.fullmatch(participant):
        raise _Refused(f"participant: expected a code of letters and digits, got {participant!r}")
    if not isinstance(started, str) or not isinstance(finished, str):
        raise _Refused("unfinished: started or finished is no time")
    scores = _checked(content.get("scores"), key)
    return _Answers(path.name, participant.upper(), started, finished, scores)


def _checked(scores: object, key: StudyKey) -> Mapping[str, int]:
    if not isinstance(scores, dict):
        raise _Refused(f"scores: expected a mapping, got {type(scores).__name__}")
    if missing := sorted(set(key.samples) - set(scores)):
        raise _Refused(f"{len(missing)} of {len(key.samples)} scores are missing ({missing[0]})")
    if surplus := sorted(set(scores) - set(key.samples)):
        raise _Refused(f"scores of samples that the study has not ({surplus[0]})")
    for sample, score in scores.items():
        if type(score) is not int or not WORST <= score <= BEST:
            raise _Refused(
                f"scores.{sample}: expected a whole number from {WORST} to {BEST}, got {score!r}"
            )
    return scores


def _repeated(answers: list[_Answers]) -> dict[str, str]:
    """Why further files of a participant do not count."""
    by_code: dict[str, list[_Answers]] = defaultdict(list)
    for found in answers:
        by_code[found.participant].append(found)
    reasons = {}
    for code, several in by_code.items():
        if len({found.started for found in several}) > 1:
            names = ", ".join(found.file for found in several)
            for found in several:
                reasons[found.file] = (
                    f"duplicate participant {code}: {names} are of different sessions; rename the "
                    "participant in them, or remove those that must not count"
                )
            continue
        *earlier, last = sorted(several, key=lambda found: (found.finished, found.file))
        for found in earlier:
            reasons[found.file] = f"duplicate participant {code}: {last.file} was finished later"
    return reasons


def mean_scores(scores: pd.DataFrame) -> pd.DataFrame:
    """Mean score of each method with its 95 % interval, best first (Fig. 5).

    A participant's scores are averaged first; the bootstrap draws participants. It says how sure
    the mean is for these objects, not for others.

    Args:
        scores: `read_scores`.

    Returns:
        Columns method, mean, low, high, participants, objects.

    Raises:
        ValueError: no file counts.
    """
    counted = scores[scores["reason"] == ""]
    if not len(counted):
        reasons = "; ".join(f"{row.file}: {row.reason}" for row in scores.head(3).itertuples())
        raise ValueError(f"user study: none of the files counts. The first reasons: {reasons}")
    rows = []
    for method, group in counted.groupby("method"):
        of_one = group.groupby("participant")["score"].mean()
        mean, low, high = mean_interval(of_one.to_numpy(dtype=np.float64))
        numbers = {"participants": len(of_one), "objects": group["object_id"].nunique()}
        rows.append({"method": method, "mean": mean, "low": low, "high": high} | numbers)
    table = pd.DataFrame(rows).sort_values(["mean", "method"], ascending=[False, True])
    return table.reset_index(drop=True)
