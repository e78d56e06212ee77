"""A whole evaluation: methods, objects, metrics, report."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from dd3g_kedro.benchmark.config import EvaluateConfig
from dd3g_kedro.benchmark.methods.lifter_costs import method_costs, no_costs
from dd3g_kedro.benchmark.methods.lifters import BASELINES, Lifted, Method, StudentLifter
from dd3g_kedro.benchmark.methods.outputs import stored_outputs
from dd3g_kedro.benchmark.run import evaluate
from dd3g_kedro.benchmark.scores.intervals import intervals
from dd3g_kedro.benchmark.scores.names import CLIP_SIMILARITY
from dd3g_kedro.benchmark.scores.scoring import Scorer
from dd3g_kedro.benchmark.tables import pictures, report, table
from dd3g_kedro.benchmark.tables.kept_pictures import kept_table
from dd3g_kedro.benchmark.truth.stored_views import StoredViews, stored_objects
from dd3g_kedro.benchmark.truth.views import BenchmarkObject, ObjectHandle, evenly
from dd3g_kedro.core.errors import DD3GError, MissingWeights
from dd3g_kedro.core.student.weights import Student, load_student

if TYPE_CHECKING:
    from dd3g_kedro.core.teacher.teacher import Teacher


def named_methods(
    student: Student, config: EvaluateConfig, load_teacher: Callable[[], Teacher] | None = None
) -> dict[str, Method]:
    """The student, further students, other systems, optimisations and baselines: the table's order.

    Args:
        student: the first row.
        config: names the others.
        load_teacher: called only if an optimised method is asked for.

    Raises:
        MissingWeights: a further student's file, or the teacher, is not there.
        InvalidWeights: it cannot be used.
        ValueError: a folder of outputs cannot be used.
    """
    device = next(student.parameters()).device
    others = {name: load_student(path).to(device) for name, path in config.students.items()}
    methods: dict[str, Method] = {
        name: Lifted(StudentLifter(each, config.seed, config.autocast))
        for name, each in {"student": student, **others}.items()
    }
    methods |= {name: stored_outputs(path, device) for name, path in config.outputs.items()}
    if config.optimised:
        from dd3g_kedro.benchmark.methods.optimised import optimised_method

        if load_teacher is None:
            raise MissingWeights(
                f"evaluate.optimised asks for {', '.join(config.optimised)}, which need the "
                "teacher, but none was given"
            )
        from dd3g_kedro.fast.teacher import ready

        teacher = ready(load_teacher(), device)
        for name in config.optimised:
            methods[name] = optimised_method(name, teacher, config)
    return methods | {name: BASELINES[name] for name in config.baselines}


def benchmark_handles(stored: StoredViews, config: EvaluateConfig) -> list[ObjectHandle]:
    """The protocol's objects; one that is not there is a handle whose `load` raises.

    Raises:
        InvalidShard: the stored views cannot be read.
        InvalidMesh: there are no meshes.
        InvalidImage: there are no pictures or scenes.
    """
    found = _found_objects(stored, config)
    names = config.manifest.objects
    if names is not None:
        there = {handle.name: handle for handle in found}
        found = [there.get(name) or ObjectHandle(name, _Absent(name, config)) for name in names]
    return evenly(found, config.limit)


def _found_objects(stored: StoredViews, config: EvaluateConfig) -> list[ObjectHandle]:
    manifest = config.manifest
    names, drawing = manifest.objects, manifest.drawing
    if manifest.source == "stored_views":
        return stored_objects(stored, drawing, manifest.ring)
    if manifest.source == "rtmv":
        from dd3g_kedro.benchmark.truth.rtmv import rtmv_objects

        return rtmv_objects(config.folder, names, drawing.size, manifest.targets or 0)
    if manifest.source == "gso":
        from dd3g_kedro.benchmark.truth.gso import gso_objects

        return gso_objects(config.folder, names, drawing, manifest.ring)
    if manifest.source == "images":
        from dd3g_kedro.benchmark.truth.image_folder import image_objects

        return image_objects(config.folder, drawing.size, drawing.rig, manifest.ring)
    from dd3g_kedro.benchmark.truth.mesh_views import mesh_objects

    return mesh_objects(config.folder, config.split, drawing, manifest.ring)


class _Absent:
    """Says that an object of the protocol is not there."""

    def __init__(self, name: str, config: EvaluateConfig) -> None:
        place = "the stored views" if config.objects is None else config.objects
        self.reason = f"the protocol {config.manifest.id} names {name}, {place} has no such object"

    def __call__(self) -> BenchmarkObject:
        raise DD3GError(self.reason)


def compare(
    student: Student,
    stored: StoredViews,
    config: EvaluateConfig,
    load_teacher: Callable[[], Teacher] | None = None,
) -> dict[str, Any]:
    """Score everything and report it: metrics, tables, sheet and plot (Table I).

    Raises:
        MissingWeights: weights that the configuration or the protocol requires are not there.
        InvalidShard: the stored views cannot be read.
        InvalidMesh: there are no meshes.
        InvalidImage: there are no pictures or scenes.
        ValueError: no object could be scored.
    """
    device, manifest = next(student.parameters()).device, config.manifest
    scorer = Scorer(config.lpips, manifest.background, device, config.clip)
    if not manifest.has_truth and CLIP_SIMILARITY in scorer.missing:
        raise MissingWeights(scorer.missing[CLIP_SIMILARITY])  # there would be nothing but dashes
    handles = benchmark_handles(stored, config)
    methods = named_methods(student, config, load_teacher)
    evaluation = evaluate(methods, handles, scorer, config, config.pictures)
    costs = no_costs()
    if config.costs:
        name = evaluation.views[0].object_id
        sighting = next(h for h in handles if h.name == name).load().named(name).sighting
        costs = method_costs(methods, sighting, manifest.background, device, manifest.id)
    numbers = report.summary(evaluation, student.fingerprint)
    azimuths, objects = report.by_azimuth(evaluation), report.per_object(evaluation)
    sure = intervals(objects, evaluation.methods)
    return {
        "metrics": numbers,
        "intervals": sure,
        "per_object": objects,
        "per_view": report.per_view(evaluation),
        "by_azimuth": azimuths,
        "costs": costs,
        "protocol": report.protocol(evaluation),
        "pictures": kept_table(evaluation.kept, manifest.id),
        "table": table.markdown(evaluation, numbers, sure, costs),
        "sheet": pictures.picture_sheet(evaluation),
        "plot": pictures.azimuth_plot(azimuths),
    }
