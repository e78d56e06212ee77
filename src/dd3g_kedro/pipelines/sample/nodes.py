"""Accepted images and a teacher in, quadruples out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from dd3g_kedro.core.quadruples.config import Sampling

if TYPE_CHECKING:
    import pandas as pd

    from dd3g_kedro.core.teacher.teacher import Teacher


def collect_quadruples(
    image_table: pd.DataFrame,
    collected_images: Path,
    teacher: Teacher,
    sampling: Sampling,
    destination: Path,
) -> Path:
    """Simulate the teacher's ODE with DDIM for all accepted images, shard by shard (Sec. IV-A)."""
    from dd3g_kedro.factory.sampling import sample
    from dd3g_kedro.pictures.table import files_by_id

    images = files_by_id(image_table, collected_images, accepted=True)
    return sample(images, teacher, sampling, destination)
