"""A whole evaluation: methods, objects, metrics, report."""

from __future__ import annotations

from typing import Any

from dd3g_kedro.core.evaluation import pictures, report
from dd3g_kedro.core.evaluation.config import EvaluateConfig
from dd3g_kedro.core.evaluation.intervals import intervals
from dd3g_kedro.core.evaluation.mesh_views import mesh_objects
from dd3g_kedro.core.evaluation.methods import BASELINES, Method, StudentViews
from dd3g_kedro.core.evaluation.run import evaluate
from dd3g_kedro.core.evaluation.scoring import Scorer
from dd3g_kedro.core.evaluation.stored_views import StoredViews, stored_objects
from dd3g_kedro.core.student.weights import Student, load_student


def named_methods(student: Student, config: EvaluateConfig) -> dict[str, Method]:
    """The student, further students and the baselines, in the table's order.

    Raises:
        MissingWeights: a further student's file is not there.
        InvalidWeights: it cannot be used.
    """
    device = next(student.parameters()).device
    others = {name: load_student(path).to(device) for name, path in config.students.items()}
    students = {"student": student, **others}
    methods: dict[str, Method] = {
        name: StudentViews(each, config.seed, config.autocast) for name, each in students.items()
    }
    return methods | {name: BASELINES[name] for name in config.baselines}


def compare(student: Student, stored: StoredViews, config: EvaluateConfig) -> dict[str, Any]:
    """Score everything and report it: metrics, tables, sheet and plot (Table I).

    Raises:
        MissingWeights: weights that the configuration requires are not there.
        InvalidShard: the stored views cannot be read.
        InvalidMesh: there are no meshes.
        ValueError: no object could be scored.
    """
    scorer = Scorer(config.lpips, config.background, next(student.parameters()).device)
    meshes = config.meshes
    handles = mesh_objects(meshes, config) if meshes else stored_objects(stored, config)
    evaluation = evaluate(named_methods(student, config), handles, scorer, config)
    numbers = report.summary(evaluation, student.fingerprint)
    azimuths, objects = report.by_azimuth(evaluation), report.per_object(evaluation)
    sure = intervals(objects, evaluation.methods)
    return {
        "metrics": numbers,
        "intervals": sure,
        "per_object": objects,
        "per_view": report.per_view(evaluation),
        "by_azimuth": azimuths,
        "table": report.markdown(evaluation, numbers, sure),
        "sheet": pictures.picture_sheet(evaluation),
        "plot": pictures.azimuth_plot(azimuths),
    }
