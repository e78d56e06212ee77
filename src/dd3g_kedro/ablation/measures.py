"""What a row's student can do: against the truth, against its teacher, and for other noise."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from dd3g_kedro.ablation.config import Measurement
from dd3g_kedro.benchmark.comparison import benchmark_handles
from dd3g_kedro.benchmark.config import EvaluateConfig
from dd3g_kedro.benchmark.methods.lifters import Lifted, StudentLifter
from dd3g_kedro.benchmark.run import evaluate
from dd3g_kedro.benchmark.scores.names import PSNR_CAP
from dd3g_kedro.benchmark.scores.scoring import Scorer
from dd3g_kedro.benchmark.tables import report
from dd3g_kedro.benchmark.tables.pictures import picture_sheet
from dd3g_kedro.benchmark.truth.stored_views import StoredViews
from dd3g_kedro.benchmark.truth.views import ObjectHandle
from dd3g_kedro.core.devices import network_autocast
from dd3g_kedro.core.objective.background import composite
from dd3g_kedro.core.objective.fidelity import psnr
from dd3g_kedro.core.progress import track
from dd3g_kedro.core.quadruples.shards import QuadrupleRow
from dd3g_kedro.core.rendering.render import render
from dd3g_kedro.core.student.weights import Student
from dd3g_kedro.core.training.quadruple_batches import QuadrupleBatches
from dd3g_kedro.pictures.framing import square

OBJECT_METRICS = (
    *("psnr", "novel_psnr", "ssim", "novel_ssim", "foreground_psnr"),
    *("lpips_vgg", "lpips_alex", "aligned_psnr", "clip_similarity"),
)
_MARGIN = 1 / 32  # of the picture: nearer to the silhouette, opacity is a blurred edge, no floater
Scores = dict[str, dict[str, float]]  # metric -> object or image -> value


@dataclass
class Measures:
    """A row's numbers, one each object or image, and its pictures."""

    objects: Scores = field(default_factory=dict)
    images: Scores = field(default_factory=dict)
    sheet: Image.Image | None = None

    def means(self) -> dict[str, float]:
        """Mean of every metric over its objects or images."""
        both = self.objects | self.images
        return {name: math.fsum(found.values()) / len(found) for name, found in both.items()}


def measure(
    student: Student,
    stored: StoredViews,
    held_out: QuadrupleBatches,
    config: EvaluateConfig,
    measurement: Measurement,
) -> Measures:
    """All measures of a student.

    Raises:
        ValueError: not one object could be scored.
    """
    config = replace(config, limit=measurement.limit or config.limit)
    handles = benchmark_handles(stored, config)
    device, manifest = next(student.parameters()).device, config.manifest
    scorer = Scorer(config.lpips, manifest.background, device, config.clip)
    methods = {"student": Lifted(StudentLifter(student, config.seed, config.autocast))}
    evaluation = evaluate(methods, handles, scorer, config)
    found = Measures(sheet=picture_sheet(evaluation))
    table = report.per_object(evaluation).set_index("object_id")
    for metric in OBJECT_METRICS:
        values = table[metric].astype(float).dropna()
        if len(values):
            found.objects[metric] = {str(name): float(value) for name, value in values.items()}
    scored = {str(name) for name in table.index[table["status"] == "scored"]}
    kept = [handle for handle in handles if handle.name in scored]
    found.objects |= floaters(student, kept, config, measurement)
    found.images = fidelity(student, held_out, config.autocast)
    return found


@torch.inference_mode()
def floaters(
    student: Student,
    handles: Sequence[ObjectHandle],
    config: EvaluateConfig,
    measurement: Measurement,
) -> Scores:
    """What a student leaves around its objects, unseen where it has the background's colour (Ours).

    `contrast_psnr`: against the truth over a colour that neither has; the input is seen over the
    benchmark's background. `stray_opacity`: mean opacity farther than 1/32 of the picture from the
    true silhouette, in [0, 1].
    """
    scores: Scores = {"contrast_psnr": {}, "stray_opacity": {}}
    device = next(student.parameters()).device
    contrast = torch.tensor(measurement.contrast)
    for handle in track(handles, len(handles), "floaters", "objects"):
        truth = handle.load()
        if truth.targets is None:
            continue
        picture = square(truth.sighting.rgba, student.config.image_size)
        seen = composite(picture, torch.full((3,), config.manifest.background))
        with _precision(device, config.autocast):
            gaussians = student.lift(seen[None], seeds=[config.seed])
        size = truth.targets.shape[-1]
        drawn = render(gaussians, truth.cameras.to(device), size, contrast[None].to(device))
        images, alphas = drawn.images[0].cpu().clamp(0, 1), drawn.alphas[0].cpu()
        wanted = composite(truth.targets, contrast.expand(len(truth.targets), 3))
        scores["contrast_psnr"][handle.name] = float(
            psnr(images, wanted).clamp(max=PSNR_CAP).mean()
        )
        scores["stray_opacity"][handle.name] = stray_opacity(alphas, truth.targets[:, 3:])
    return {metric: found for metric, found in scores.items() if found}


def stray_opacity(alphas: Float[Tensor, "v 1 h w"], truth: Float[Tensor, "v 1 h w"]) -> float:
    """Mean opacity away from the true silhouette; 0 where there is no such pixel."""
    reach = max(round(_MARGIN * alphas.shape[-1]), 1)
    near = F.max_pool2d(truth, 2 * reach + 1, stride=1, padding=reach)
    outside = near < 1 / 255
    return float(alphas[outside].sum() / outside.sum().clamp(min=1))


@torch.inference_mode()
def fidelity(student: Student, held_out: QuadrupleBatches, autocast: bool) -> Scores:
    """How closely the student follows its teacher on images that nobody learnt from (Ours).

    Those of `following`; and `student_spread`, `teacher_spread`: root of the variance over N, mean
    over views, pixels and channels, sRGB.
    """
    scores: Scores = {}
    for name, rows in seeds_of_images(held_out):
        views, teachers = both_views(student, held_out, rows, autocast)
        spreads = {"student_spread": spread(views), "teacher_spread": spread(teachers)}
        for metric, value in (following(views, teachers) | spreads).items():
            scores.setdefault(metric, {})[name] = float(value)
    return scores


def following(
    views: Float[Tensor, "s v 3 h w"], teachers: Float[Tensor, "s v 3 h w"]
) -> dict[str, float]:
    """PSNR in dB of a student's views of one image, a row each N, against its teacher's (Ours).

    `teacher_psnr`: against OI of the same N. `other_seed_psnr`: against OI of another N of the
    same image. `noise_gain`: the first minus the second; a student that ignores N has none.
    """
    pairs = torch.tensor(
        [[float(psnr(v, t).clamp(max=PSNR_CAP).mean()) for t in teachers] for v in views]
    )
    same = float(pairs.diagonal().mean())
    other = float(pairs[~torch.eye(len(views), dtype=torch.bool)].mean())
    return {"teacher_psnr": same, "other_seed_psnr": other, "noise_gain": same - other}


def seeds_of_images(held_out: QuadrupleBatches) -> list[tuple[str, list[QuadrupleRow]]]:
    """The quadruples of each image, by its file's name."""
    shards, name = held_out.shards, held_out.pictures.name
    rows = [shards[i] for i in range(len(shards))]
    rows.sort(key=lambda row: (name(row.image_id), row.image_id, row.seed))
    groups = [(key, list(group)) for key, group in groupby(rows, key=lambda row: row.image_id)]
    return [(name(image_id), group) for image_id, group in groups if len(group) > 1]


@torch.inference_mode()
def both_views(
    student: Student, held_out: QuadrupleBatches, rows: Sequence[QuadrupleRow], autocast: bool
) -> tuple[Float[Tensor, "s v 3 h w"], Float[Tensor, "s v 3 h w"]]:
    """The student's and the teacher's views of one image, a row each N."""
    device = next(student.parameters()).device
    quadruples = held_out.decode(rows).to(device).quadruples
    with _precision(device, autocast):
        gaussians = student.lift(quadruples.input_image, [row.seed for row in rows])
    size = quadruples.output_images.shape[-1]
    images = render(gaussians, quadruples.cameras, size, quadruples.background).images
    return images.cpu().clamp(0, 1), quadruples.output_images.cpu()


def spread(views: Float[Tensor, "s v 3 h w"]) -> Float[Tensor, ""]:
    """Root of the variance over the seeds, mean over everything else."""
    return views.var(dim=0).mean().sqrt()


def _precision(device: torch.device, autocast: bool) -> contextlib.AbstractContextManager:
    return network_autocast(device) if autocast else contextlib.nullcontext()
