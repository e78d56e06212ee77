"""Several N for one image: how the student's objects differ, beside the teacher's (Fig. 10)."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from dd3g_kedro.ablation.config import Diversity
from dd3g_kedro.ablation.measures import both_views, following, seeds_of_images
from dd3g_kedro.ablation.results import named
from dd3g_kedro.benchmark.protocol import Manifest
from dd3g_kedro.benchmark.truth.views import evenly
from dd3g_kedro.core.student.weights import Student
from dd3g_kedro.core.training.pictures import picture_rows
from dd3g_kedro.core.training.quadruple_batches import QuadrupleBatches


@dataclass(frozen=True)
class Variants:
    """One image's objects, the student's and the teacher's, a row each N."""

    name: str
    student: Float[Tensor, "s v 3 h w"]  # sRGB
    teacher: Float[Tensor, "s v 3 h w"]

    def spread(self) -> dict[str, list[float]]:
        """Root of the variance over N of each view, mean over its pixels and channels; sRGB."""
        return {
            who: views.var(dim=0).mean(dim=(1, 2, 3)).sqrt().tolist()
            for who, views in (("student", self.student), ("teacher", self.teacher))
        }

    def agreement(self) -> float:
        """Correlation of both variance maps over all views and pixels; 0 where one is constant.

        It tells whether the student varies where its teacher does.
        """
        maps = [views.var(dim=0).mean(dim=1).flatten() for views in (self.student, self.teacher)]
        if any(float(found.max() - found.min()) < 1e-12 for found in maps):
            return 0.0
        return float(torch.corrcoef(torch.stack(maps))[0, 1])

    def rows(self) -> list[list[Tensor]]:
        """For the picture: each N's teacher and student views, then where they vary."""
        count = len(self.student)
        rows = [[*self.teacher[i], *self.student[i]] for i in range(count)]
        deviations = [views.std(dim=0).mean(dim=1) for views in (self.teacher, self.student)]
        top = max(float(found.max()) for found in deviations) or 1.0
        maps = [(found / top).expand(3, -1, -1) for both in deviations for found in both]
        return [*rows, maps]


def variants_of(student: Student, held_out: QuadrupleBatches, autocast: bool) -> list[Variants]:
    """Of every image that was sampled with several N.

    Raises:
        ValueError: there is none.
    """
    found = [
        Variants(name, *both_views(student, held_out, rows, autocast))
        for name, rows in seeds_of_images(held_out)
    ]
    if not found:
        raise ValueError(
            f"{held_out.shards.folder}: expected images with several quadruples, found none. "
            "Sample them: kedro run --pipelines=ablate --namespaces=held_out"
        )
    return found


def summary(variants: list[Variants], manifest: Manifest) -> dict[str, object]:
    """Spreads by image and view, how closely the teacher is followed, and means, for a JSON file.

    The images are inputs of the benchmark that `manifest` describes.
    """
    told = {
        found.name: {"agreement": found.agreement(), **following(found.student, found.teacher)}
        for found in variants
    }
    spreads = {found.name: found.spread() for found in variants}
    means = {
        f"{who}_spread": fmean(value for views in spreads.values() for value in views[who])
        for who in ("student", "teacher")
    }
    for key in ("agreement", "teacher_psnr", "other_seed_psnr", "noise_gain"):
        means[key] = fmean(found[key] for found in told.values())
    images = {name: {**spreads[name], **told[name]} for name in told}
    return {"protocol": named(manifest), "mean": means, "images": images}


def picture(variants: list[Variants], config: Diversity) -> Image.Image:
    """Teacher on the left, student on the right, a row each N; below, bright where N matters."""
    shown = evenly(variants, config.pictured)
    return picture_rows([row for found in shown for row in found.rows()], size=96)
