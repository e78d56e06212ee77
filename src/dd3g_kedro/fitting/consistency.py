"""Do four views show one object? Fit Gaussians to them and look from in between (Ours)."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor

from dd3g_kedro.core.geometry.cameras import orbit
from dd3g_kedro.core.objective.fidelity import psnr
from dd3g_kedro.core.rendering.render import render
from dd3g_kedro.core.teacher.cameras import frame_azimuths
from dd3g_kedro.core.teacher.teacher import Teacher
from dd3g_kedro.core.types import Cameras
from dd3g_kedro.fitting.config import FitConfig
from dd3g_kedro.fitting.views import fit_to_views

_BETWEEN = math.pi / 4  # radians from each frame to the next diagonal


@dataclass(frozen=True)
class ConsistencyTruth:
    """One object's ground truth over the input's background."""

    frames: Float[Tensor, "v 3 h w"]  # where the teacher's frames stand
    diagonals: Float[Tensor, "v 3 h w"]  # 45 degrees farther


@dataclass(frozen=True)
class FitScores:
    """How well one set of Gaussians explains some views, PSNR in dB, means over the views."""

    fitted_psnr: float  # at the views that it was fitted to: low where they contradict each other
    diagonal_psnr: float | None  # at the held-out diagonals, against the truth


@dataclass(frozen=True)
class ViewConsistency:
    """Fits to a teacher's views, beside their floor and their ceiling.

    The order is sure at the diagonals alone: copies of a picture that is its own mirror image
    contradict each other nowhere, so that `copied.fitted_psnr` may pass the truth's.
    """

    views: FitScores
    copied: FitScores  # of four copies of the input: the floor at the diagonals
    truth: FitScores | None  # of the true frames: the ceiling
    diagonals: Float[Tensor, "fit v 3 h w"] = field(compare=False, repr=False)
    # what the fits show there: to the views, to the copies, and to the truth where it is known


def diagonal_cameras(teacher: Teacher) -> Cameras:
    """45 degrees beside each of the teacher's frames, at their elevation, for one object."""
    azimuth = frame_azimuths() + _BETWEEN
    elevation = torch.full_like(azimuth, math.radians(teacher.config.elevation_deg))
    return orbit(azimuth[None], elevation[None], teacher.config.rig)


def _scores(
    views: Tensor,
    frames: Cameras,
    diagonals: Cameras,
    background: Tensor,
    truth: ConsistencyTruth | None,
    config: FitConfig,
) -> tuple[FitScores, Tensor]:
    gaussians = fit_to_views(views, frames, background, config)
    size = views.shape[-1]
    with torch.no_grad():
        fitted = render(gaussians, frames, size, background[None]).images[0]
        between = render(gaussians, diagonals, size, background[None]).images[0]
    scores = FitScores(
        fitted_psnr=float(psnr(fitted, views).mean()),
        diagonal_psnr=None if truth is None else float(psnr(between, truth.diagonals).mean()),
    )
    return scores, between


def view_consistency(
    views: Float[Tensor, "v 3 h w"],
    input_image: Float[Tensor, "3 h w"],
    teacher: Teacher,
    background: Float[Tensor, "3"],
    truth: ConsistencyTruth | None,
    config: FitConfig,
) -> ViewConsistency:
    """Fit to views of the teacher's, to copies of the input, and to the truth where it is known.

    One fit's number means little: Gaussians explain four contradicting views well, each with
    others. Only beside floor and ceiling does it tell.

    Args:
        views: the teacher's, in the order of its frames, sRGB in [0, 1].
        input_image: what they were made from.
        teacher: its cameras.
        background: of all pictures.
        truth: the same object from the frames and the diagonals.
        config: of all three fits.
    """
    frames = teacher.frames(1, math.radians(teacher.config.elevation_deg)).to(views.device)
    diagonals = diagonal_cameras(teacher).to(views.device)

    fitted = [views, input_image.expand_as(views), *([] if truth is None else [truth.frames])]
    scores, pictures = zip(
        *(_scores(each, frames, diagonals, background, truth, config) for each in fitted),
        strict=True,
    )
    return ViewConsistency(
        views=scores[0],
        copied=scores[1],
        truth=None if truth is None else scores[2],
        diagonals=torch.stack(pictures),
    )
