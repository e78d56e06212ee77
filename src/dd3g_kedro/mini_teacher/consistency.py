"""Whether a teacher's four views show one object, over many objects (Ours)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from dd3g_kedro.core.progress import track
from dd3g_kedro.core.teacher.cameras import FRONT_FRAME
from dd3g_kedro.core.teacher.teacher import Teacher
from dd3g_kedro.core.training.pictures import picture_rows
from dd3g_kedro.fitting.config import FitConfig
from dd3g_kedro.fitting.consistency import (
    ConsistencyTruth,
    FitScores,
    ViewConsistency,
    view_consistency,
)


@dataclass(frozen=True)
class ConsistencyScores:
    """Means over the objects of what `ViewConsistency` tells of one; PSNR in dB, on white."""

    objects: int
    views: FitScores  # fitted to the teacher's views
    copied: FitScores  # to four copies of the input: the floor at the diagonals
    truth: FitScores  # to the true views: the ceiling


def _mean(scores: Sequence[FitScores | None]) -> FitScores:
    known = [(one.fitted_psnr, one.diagonal_psnr) for one in scores if one is not None]
    fitted, diagonal = torch.tensor(known, dtype=torch.float64).mean(dim=0).tolist()
    return FitScores(fitted_psnr=fitted, diagonal_psnr=diagonal)


def _row(truth: ConsistencyTruth, found: ViewConsistency) -> list[Tensor]:
    """The input; then at each diagonal the truth and the fits to views, to copies, to the truth."""
    columns = zip(truth.diagonals, *found.diagonals, strict=True)
    return [truth.frames[FRONT_FRAME], *(cell for column in columns for cell in column)]


def measure_consistency(
    teacher: Teacher,
    views: Float[Tensor, "b v 3 h w"],
    frames: Float[Tensor, "b v 3 h w"],
    diagonals: Callable[[int], Float[Tensor, "v 3 h w"]],
    objects: int,
    config: FitConfig,
) -> tuple[ConsistencyScores, Image.Image]:
    """Fit Gaussians to the views of some objects, evenly chosen, and look from in between.

    Args:
        teacher: its cameras.
        views: the teacher's of each object, on white, sRGB in [0, 1].
        frames: the truth there; its front is what the views were made from.
        diagonals: an object's index -> the truth 45 degrees farther.
        objects: at most so many are fitted.
        config: of all fits.

    Returns:
        The scores, and a row an object: the input, then for each diagonal the truth and the fits
        to the views, to copies of the input and to the true frames.
    """
    chosen = range(0, len(views), -(-len(views) // objects))
    found, rows = [], []
    for index in track(chosen, len(chosen), "fitting to the teacher's views", "objects"):
        truth = ConsistencyTruth(frames[index], diagonals(index))
        front = frames[index, FRONT_FRAME]
        found.append(view_consistency(views[index], front, teacher, torch.ones(3), truth, config))
        rows.append(_row(truth, found[-1]))
    scores = ConsistencyScores(
        objects=len(found),
        views=_mean([one.views for one in found]),
        copied=_mean([one.copied for one in found]),
        truth=_mean([one.truth for one in found]),
    )
    return scores, picture_rows(rows)
