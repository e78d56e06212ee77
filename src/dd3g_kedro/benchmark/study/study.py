"""The user study of one evaluation: its page, or the scores of its answers."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from dd3g_kedro.benchmark.comparison import benchmark_handles, named_methods
from dd3g_kedro.benchmark.config import EvaluateConfig
from dd3g_kedro.benchmark.methods.lifters import Lifted
from dd3g_kedro.benchmark.study.answers import (
    COLUMNS,
    mean_scores,
    named_studies,
    read_scores,
)
from dd3g_kedro.benchmark.study.page import StudyKey, study_objects, study_page
from dd3g_kedro.benchmark.truth.stored_views import StoredViews
from dd3g_kedro.core.config_building import build
from dd3g_kedro.core.student.weights import Student

if TYPE_CHECKING:
    from dd3g_kedro.core.teacher.teacher import Teacher

KEY_FILE = "user_study_key.json"
_PROTOCOL = ("protocol", "protocol_digest", "study")
_MEANS = ("method", "mean", "low", "high", "participants", "objects")


def run_study(
    student: Student,
    stored: StoredViews,
    config: EvaluateConfig,
    stored_keys: Sequence[str],
    load_teacher: Callable[[], Teacher] | None = None,
) -> dict[str, Any]:
    """Make the page and its key, or, where answers are given, the scores by a stored key.

    The page is not drawn again for answers: other weights would make another page, whose key
    refuses them. Optimising methods optimise the study's objects once more.

    Args:
        student: the first method.
        stored: the stored views.
        config: `study` is None where there is no study.
        stored_keys: what the pages' key files hold, the newest first; the answers name theirs.
        load_teacher: called only if an optimised method is asked for.

    Returns:
        `page` and `key` as texts ("": not made), `answers` and `scores` as tables, maybe empty.

    Raises:
        ValueError: no object can be shown, or there are no answers, no key, or none that counts.
    """
    nothing = {"page": "", "key": ""} | _scores(None, config)
    if config.study is None:
        return nothing
    if config.study.folder is not None:
        return nothing | _scores(_chosen_key(stored_keys, config.study.folder), config)
    methods = {
        name: method
        for name, method in named_methods(student, config, load_teacher).items()
        if isinstance(method, Lifted)  # the others make no object that could be turned
    }
    manifest, study = config.manifest, config.study
    handles = benchmark_handles(stored, config)
    shown = study_objects(methods, handles, study, manifest.drawing.rig, manifest.background)
    named = manifest.id, manifest.digest
    made = study_page(shown, study.seed, study.title, study.frame_ms, named)
    key = json.dumps(dataclasses.asdict(made.key), indent=2) + "\n"
    return nothing | {"page": made.page, "key": key}


def _scores(key: StudyKey | None, config: EvaluateConfig) -> dict[str, pd.DataFrame]:
    """Answers and mean scores, each row with the protocol and study that it belongs to."""
    if key is None or config.study is None or config.study.folder is None:
        empty = (pd.DataFrame(columns=[*_PROTOCOL, *names]) for names in (COLUMNS, _MEANS))
        return dict(zip(("answers", "scores"), empty, strict=True))
    answers = read_scores(config.study.folder, key)
    means = mean_scores(answers).round(6)
    for table in (answers, means):
        for index, name in enumerate(_PROTOCOL):
            table.insert(index, name, getattr(key, name))
    return {"answers": answers, "scores": means}


def _chosen_key(texts: Sequence[str], answers: Path) -> StudyKey:
    """The newest key of a page that the answers name; where they name none, the newest.

    Raises:
        ValueError: there is no key, or one is damaged.
    """
    if not texts:
        raise ValueError(
            f"evaluate.study.folder names answers, but there is no {KEY_FILE} beside the "
            "evaluation's reports to read them with; restore the key that belongs to the page "
            "the participants saw, or make a new page with evaluate.study.folder: null"
        )
    keys, named = [_read_key(text) for text in texts], named_studies(answers)
    return next((key for key in keys if key.study in named), keys[0])


def _read_key(text: str) -> StudyKey:
    try:
        return build(StudyKey, json.loads(text), KEY_FILE)
    except ValueError as error:
        raise ValueError(
            f"{KEY_FILE}: expected the key that was written with the study's page, but {error}; "
            "restore it"
        ) from error
