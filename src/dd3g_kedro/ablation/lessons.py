"""What a row learns from: a mix of quadruples, or the drawn views of the meshes themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dd3g_kedro.ablation.config import AblateConfig
from dd3g_kedro.ablation.mix import MixedQuadruples, Source, pool
from dd3g_kedro.core.student.config import StudentConfig
from dd3g_kedro.core.training.batches import Batches
from dd3g_kedro.factory.distillation import batches_for
from dd3g_kedro.mini_teacher.true_views import TrueViews
from dd3g_kedro.mini_teacher.views import ViewsFolder

Origin = Sequence[Source] | ViewsFolder


@dataclass(frozen=True)
class Lessons:
    """A row's batches, and what identifies them."""

    batches: Batches
    count: int  # quadruples, or true views that may be the input
    pool: str  # a hash of what all rows that learn from quadruples choose theirs from


def lessons(
    origin: Origin,
    ablate: AblateConfig,
    student: StudentConfig,
) -> Lessons:
    """Open what a row learns from.

    Raises:
        InvalidShard: the row's share of the quadruples is none.
        DD3GError: the drawn views have none at the student's elevation.
        ValueError: the student's pictures or cameras are not those of the drawn views.
    """
    if isinstance(origin, ViewsFolder):
        truth = TrueViews(origin, ablate.true_views.augmentation, student)
        return Lessons(truth, len(truth), truth.fingerprint)
    mixed = MixedQuadruples(origin)
    batches = batches_for(student, mixed, mixed.images)
    return Lessons(batches, len(mixed), pool(origin[0]))
