"""Score every method on every object, one object in memory at a time."""

from __future__ import annotations

import hashlib
import logging
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from dd3g_kedro.benchmark.config import EvaluateConfig, PicturesConfig
from dd3g_kedro.benchmark.methods.alignment import Alignment, align
from dd3g_kedro.benchmark.methods.lifters import Lifted, Method, rendered
from dd3g_kedro.benchmark.protocol import Manifest
from dd3g_kedro.benchmark.scores.names import (
    ALIGNED,
    CLIP_SIMILARITY,
    METRICS,
    SCORES,
    USED_GAUSSIANS,
)
from dd3g_kedro.benchmark.scores.scoring import Scorer
from dd3g_kedro.benchmark.scores.usage import used_share
from dd3g_kedro.benchmark.tables.kept_pictures import KeptPicture, Seen, kept_pictures
from dd3g_kedro.benchmark.tables.strips import TRUTH
from dd3g_kedro.benchmark.tables.turntables import eight_bit
from dd3g_kedro.benchmark.truth.views import (
    OBJECT_FAILURES,
    BenchmarkObject,
    ObjectHandle,
    evenly,
)
from dd3g_kedro.core.config_building import plain
from dd3g_kedro.core.objective.background import composite
from dd3g_kedro.core.progress import track
from dd3g_kedro.core.types import Cameras, Gaussians

_LOG = logging.getLogger(__name__)
_SHEET_VIEWS = 6


@dataclass(frozen=True)
class ViewScore:
    """The metrics of one predicted view."""

    method: str
    object_id: str
    azimuth_deg: float  # from the input
    elevation_deg: float
    novel: bool  # the camera is not the input's
    scores: dict[str, float]  # of every name in SCORES; NaN where there is none


@dataclass(frozen=True)
class Failure:
    """An object that could not be scored, and why."""

    method: str
    object_id: str
    reason: str


@dataclass(frozen=True)
class SheetBlock:
    """One object on the picture sheet."""

    object_id: str
    azimuths_deg: tuple[float, ...]
    given: UInt8[np.ndarray, "h w 3"]
    rows: dict[str, UInt8[np.ndarray, "v h w 3"]]  # ground truth if any, then a row a method


@dataclass
class Evaluation:
    """What one evaluation found; it grows object by object."""

    methods: tuple[str, ...]
    manifest: Manifest
    missing: dict[str, str]  # metric -> why it could not be computed
    protocol: dict[str, Any] = field(default_factory=dict)  # what was measured, for the reports
    views: list[ViewScore] = field(default_factory=list)
    alignments: dict[tuple[str, str], Alignment] = field(default_factory=dict)  # method, object
    failures: list[Failure] = field(default_factory=list)
    sheet: list[SheetBlock] = field(default_factory=list)
    kept: list[KeptPicture] = field(default_factory=list)  # for the report


def evaluate(
    methods: Mapping[str, Method],
    handles: Sequence[ObjectHandle],
    scorer: Scorer,
    config: EvaluateConfig,
    pictures: PicturesConfig | None = None,
) -> Evaluation:
    """Compare the methods on the objects; a failing object becomes a `Failure`.

    Args:
        methods: by the name of their row.
        handles: the objects.
        scorer: of their views.
        config: what is compared.
        pictures: what is kept for the report; none: nothing.

    Raises:
        ValueError: not one object could be scored.
    """
    evaluation = Evaluation(tuple(methods), config.manifest, scorer.missing)
    shown = {handle.name for handle in evenly(handles, config.sheet_objects)}
    kept = {handle.name for handle in evenly(handles, pictures.objects)} if pictures else set()
    content = hashlib.sha256()
    for handle in track(handles, len(handles), "evaluate", "objects"):
        try:
            truth = handle.load().named(handle.name)
        except OBJECT_FAILURES as error:
            _record(evaluation, methods, handle.name, error)
            continue
        content.update(_content(handle.name, truth))
        seen = _score_object(evaluation, methods, truth, scorer, config)
        if handle.name in shown:
            evaluation.sheet.append(_block(truth, seen, scorer.background))
        if pictures is not None and handle.name in kept:
            evaluation.kept += kept_pictures(truth, seen, config.manifest, pictures)
    if not evaluation.views:
        reasons = "; ".join(f"{f.object_id}: {f.reason}" for f in evaluation.failures[:3])
        raise ValueError(
            f"evaluate: none of {len(handles)} objects could be scored. The first: {reasons}"
        )
    evaluation.protocol = _protocol(evaluation, content.hexdigest())
    evaluation.protocol |= {"alignment": plain(config.alignment), "clip": scorer.clip_sha256}
    return evaluation


def _score_object(
    evaluation: Evaluation,
    methods: Mapping[str, Method],
    truth: BenchmarkObject,
    scorer: Scorer,
    config: EvaluateConfig,
) -> dict[str, Seen]:
    """Add the scores of one object's views; what each method made of it."""
    name = truth.sighting.object_id
    seen = {}
    for label, method in methods.items():
        try:
            made, scores, alignment = _scored(method, truth, scorer, config)
        except OBJECT_FAILURES as error:
            _record(evaluation, [label], name, error)
            continue
        seen[label] = made
        if alignment is not None:
            evaluation.alignments[label, name] = alignment
        angles = zip(truth.azimuths_deg, truth.elevations_deg, truth.novel, strict=True)
        for index, (azimuth, elevation, novel) in enumerate(angles):
            row = {metric: scores[metric][index] for metric in SCORES}
            evaluation.views.append(ViewScore(label, name, azimuth, elevation, novel, row))
    return seen


def _scored(
    method: Method, truth: BenchmarkObject, scorer: Scorer, config: EvaluateConfig
) -> tuple[Seen, dict[str, list[float]], Alignment | None]:
    """What the method made, every score of every view, and how they were aligned."""
    sighting, gaussians, alignment = truth.sighting, None, None
    background = torch.full((1, 3), scorer.background)
    scores = {metric: [math.nan] * len(truth.azimuths_deg) for metric in SCORES}

    def seen(gaussians: Gaussians, cameras: Cameras) -> Float[Tensor, "v 3 h w"]:
        return rendered(gaussians, cameras, config.manifest.drawing.size, background)

    if isinstance(method, Lifted):
        gaussians = method.lifter(sighting, background[0])
        images = seen(gaussians, truth.cameras)
        used = used_share(gaussians, truth.cameras, config.manifest.drawing.size)
        scores[USED_GAUSSIANS] = [used] * len(truth.azimuths_deg)
    else:
        images = method(sighting, truth.cameras, config.manifest.drawing.size, background)
    given = composite(sighting.rgba, background[0])
    scores[CLIP_SIMILARITY] = scorer.similarity(given, images)
    if truth.targets is not None:
        scores |= scorer(images, truth.targets)
        if gaussians is not None:
            alignment = align(gaussians, sighting, background[0], config.alignment)
            turned = seen(gaussians, alignment.seeing(truth.cameras))
            found = scorer(turned, truth.targets)
            scores |= {f"{ALIGNED}{metric}": found[metric] for metric in METRICS}
    return Seen(images, gaussians), scores, alignment


def _record(
    evaluation: Evaluation,
    methods: Iterable[str],
    name: str,
    error: Exception,
) -> None:
    methods = list(methods)
    reason = f"{error}" or type(error).__name__
    _LOG.warning("evaluate: %s (%s) could not be scored: %s", name, ", ".join(methods), reason)
    evaluation.failures.extend(Failure(method, name, reason) for method in methods)


def _content(name: str, truth: BenchmarkObject) -> bytes:
    """What was compared, so that numbers of different benchmarks are never mixed up."""
    digest = hashlib.sha256(name.encode())
    targets = [] if truth.targets is None else [truth.targets]
    for pictures in (truth.sighting.rgba[None], *targets):
        digest.update(eight_bit(pictures).tobytes())
    for angles in (truth.azimuths_deg, truth.elevations_deg):
        digest.update(np.array(angles, np.float64).round(6).tobytes())
    return digest.digest()


def _protocol(evaluation: Evaluation, content: str) -> dict[str, Any]:
    manifest = evaluation.manifest
    first = [v for v in evaluation.views if v.object_id == evaluation.views[0].object_id]
    return {
        "id": manifest.id,
        "digest": manifest.digest,
        "objects": len({view.object_id for view in evaluation.views}),
        "objects_of_protocol": None if manifest.objects is None else len(manifest.objects),
        "views": len({(view.azimuth_deg, view.elevation_deg) for view in first}),
        "size": manifest.drawing.size,
        "background": manifest.background,
        "radius": None if manifest.views is None else manifest.drawing.rig.radius,
        "fov_deg": None if manifest.views is None else manifest.drawing.rig.fov_deg,
        "pictures_sha256": content,
    }


def _block(truth: BenchmarkObject, seen: Mapping[str, Seen], grey: float) -> SheetBlock:
    chosen = evenly(range(len(truth.azimuths_deg)), _SHEET_VIEWS)
    background = torch.full((3,), grey)
    rows = {label: made.images[chosen].cpu() for label, made in seen.items()}
    if truth.targets is not None:
        real = composite(truth.targets[chosen], background.expand(len(chosen), 3))
        rows = {TRUTH: real} | rows
    return SheetBlock(
        object_id=truth.sighting.object_id,
        azimuths_deg=tuple(truth.azimuths_deg[index] for index in chosen),
        given=eight_bit(composite(truth.sighting.rgba, background)[None])[0],
        rows={label: eight_bit(images) for label, images in rows.items()},
    )
