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
    from dd3g_kedro.core.quadruples.sampling import SourceImage
    from dd3g_kedro.factory.sampling import sample

    accepted = image_table[image_table["accepted"]].sort_values("image_id")
    images = [SourceImage(*pair) for pair in zip(accepted.image_id, accepted.file, strict=True)]
    return sample(images, collected_images, teacher, sampling, destination)
