"""What people must know of a student before they use it."""

from __future__ import annotations

from dd3g_kedro.core.quadruples.shards import QuadrupleShards
from dd3g_kedro.core.student.weights import Student
from dd3g_kedro.core.training.config import Optimization

_METHODS = {  # name, and where it stands in the paper if it is not the paper's own student
    "pepd": ("PEPD", ""),
    "splatter_image": ("Splatter Image", "; the student of Table II, b"),
    "triplane_gaussian": ("TriplaneGaussian", "; the student of Table II, a"),
}


def model_card(
    student: Student, quadruples: QuadrupleShards, optimization: Optimization, start: str
) -> str:
    """A model card in Markdown."""
    config, first = student.config, quadruples[0]
    name, remark = _METHODS[config.key]
    parameters = sum(p.numel() for p in student.parameters()) / 1e6
    return f"""# Student {name}, image to 3D Gaussians

- **What it does**: one RGBA image of one object, {config.image_size} px, becomes
  {config.gaussians:,} Gaussians; {parameters:.1f} M parameters.
- **Trained on**: {len(quadruples):,} quadruples of teacher `{first.teacher[:12]}`
  ({first.steps} DDIM steps, guidance {first.guidance_scale:g}, temperature {first.temperature:g});
  no 3D data.
- **Training**: {optimization.steps} steps of {optimization.batch_size}, started from {start}
  weights, seed {optimization.seed}.
- **Method**: DD3G, arXiv 2504.00457{remark}.
- **Limits**: objects like those of its images; the unseen sides are invented; one light, no
  materials. Elevations far from {config.elevation_deg:g} degrees were never seen.
"""
