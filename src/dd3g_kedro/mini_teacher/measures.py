"""A teacher's four views against the truth, beside copying the input (Ours)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from dd3g_kedro.core.objective.background import composite
from dd3g_kedro.core.progress import track
from dd3g_kedro.core.teacher.cameras import FRONT_FRAME
from dd3g_kedro.core.teacher.teacher import Teacher
from dd3g_kedro.core.training.pictures import picture_rows
from dd3g_kedro.core.types import Cameras
from dd3g_kedro.fast.teacher import ready
from dd3g_kedro.fitting.consistency import diagonal_cameras
from dd3g_kedro.mini_teacher.config import TeacherMeasurement
from dd3g_kedro.mini_teacher.consistency import ConsistencyScores, measure_consistency
from dd3g_kedro.objects.config import Lighting
from dd3g_kedro.objects.drawing import draw_mesh
from dd3g_kedro.objects.loading import load_mesh
from dd3g_kedro.objects.views import fitted


@dataclass(frozen=True)
class TeacherScores:
    """Means over the objects, PSNR in dB on white; the input's own frame does not count."""

    objects: int
    best_psnr: float  # of the best of `seeds` samples, an object
    mean_psnr: float
    copy_input_psnr: float
    front_psnr: float  # of the frame that shows the input image itself
    autoencoder_psnr: float  # of encoding and decoding the true views: the ceiling
    consistency: ConsistencyScores  # of the first seed's samples


def _psnr(images: Float[Tensor, "b v 3 h w"], truth: Float[Tensor, "b v 3 h w"]) -> Tensor:
    return -10 * (images - truth).square().mean(dim=(2, 3, 4)).clamp_min(1e-10).log10()


def _true_views(
    mesh: Path, reach: float, teacher: Teacher, cameras: Cameras
) -> Float[Tensor, "v 3 h w"]:
    rgba = draw_mesh(fitted(load_mesh(mesh), reach), cameras, teacher.config.image_size, Lighting())
    return composite(rgba, torch.ones(len(rgba), 3))


def _samples(
    teacher: Teacher, truth: Float[Tensor, "b v 3 h w"], how: TeacherMeasurement
) -> tuple[Float[Tensor, "seed b v 3 h w"], Float[Tensor, "b v 3 h w"]]:
    """The teacher's views of every seed; and the truth through its autoencoder."""
    device = teacher.device
    samples = torch.empty(how.seeds, *truth.shape)
    restored = torch.empty_like(truth)
    jobs = [
        (seed, first) for seed in range(how.seeds) for first in range(0, len(truth), how.batch_size)
    ]
    for seed, first in track(jobs, len(jobs), "measuring the teacher", "batches"):
        views = truth[first : first + how.batch_size]
        seeds = [seed * len(truth) + first + i for i in range(len(views))]
        inputs = views[:, FRONT_FRAME].to(device)
        scales = (how.guidance_scale, None, how.temperature)
        images = teacher.views(inputs, seeds, how.steps, *scales)
        samples[seed, first : first + len(views)] = images.cpu()
        if seed == 0:
            again = teacher.decode(teacher.encode(views.flatten(0, 1).to(device)))
            restored[first : first + len(views)] = again.unflatten(0, views.shape[:2]).cpu()
    return samples, restored


@torch.inference_mode()
def measure_teacher(
    teacher: Teacher, meshes: Sequence[Path], how: TeacherMeasurement
) -> tuple[TeacherScores, Image.Image, Image.Image]:
    """Sample views of held-out meshes and fit Gaussians to some of them.

    Returns:
        The scores; a sheet of inputs, true views and samples; the sheet of `measure_consistency`.
    """
    teacher = ready(teacher)
    chosen = list(meshes)[:: max(1, math.ceil(len(meshes) / how.objects))]
    ring = teacher.frames(1, math.radians(teacher.config.elevation_deg)).to(torch.device("cpu"))
    truth = torch.stack([_true_views(mesh, how.reach, teacher, ring) for mesh in chosen])
    side = [frame for frame in range(truth.shape[1]) if frame != FRONT_FRAME]
    samples, restored = _samples(teacher, truth, how)
    scores = torch.stack([_psnr(sample, truth) for sample in samples])
    copied = truth[:, FRONT_FRAME : FRONT_FRAME + 1].expand_as(truth)
    by_object = scores[:, :, side].mean(dim=2)
    between = diagonal_cameras(teacher)
    consistency, fits = measure_consistency(
        *(teacher, samples[0], truth),
        lambda index: _true_views(chosen[index], how.reach, teacher, between),
        *(how.consistency_objects, how.fit),
    )
    summary = TeacherScores(
        objects=len(chosen),
        best_psnr=float(by_object.amax(dim=0).mean()),
        mean_psnr=float(by_object.mean()),
        copy_input_psnr=float(_psnr(copied, truth)[:, side].mean()),
        front_psnr=float(scores[:, :, FRONT_FRAME].mean()),
        autoencoder_psnr=float(_psnr(restored, truth).mean()),
        consistency=consistency,
    )
    every = max(1, len(chosen) // how.pictured)
    rows = [
        [truth[index, FRONT_FRAME], *truth[index], *samples[0, index]]
        for index in range(0, len(chosen), every)
    ]
    return summary, picture_rows(rows[: how.pictured]), fits
