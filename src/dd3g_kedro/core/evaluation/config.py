"""What is scored, how, and against which views."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from dd3g_kedro.core.config_building import build_fields
from dd3g_kedro.core.meshes.config import BenchmarkViews, Drawing

Baseline = Literal["copy_input", "mean_color", "extruded_silhouette"]
_SSIM_WINDOW = 11  # pixels


def _ring() -> BenchmarkViews:
    return BenchmarkViews(azimuths_deg=tuple(30.0 * k for k in range(12)), elevation_deg=5.0)


@dataclass(frozen=True, kw_only=True)
class LpipsWeights:
    """Where the backbones' weights lie on this machine; without a file the metric is a dash."""

    vgg: Path | None = None  # the headline of field surveys
    alex: Path | None = None
    required: bool = False  # stop before the first object where a given file is missing

    def __post_init__(self) -> None:
        build_fields(self, "evaluate.lpips")
        if self.required and self.vgg is None and self.alex is None:
            raise ValueError(
                "evaluate.lpips.required is true but neither evaluate.lpips.vgg nor "
                "evaluate.lpips.alex names a file; name one, or set required to false"
            )


@dataclass(frozen=True, kw_only=True)
class EvaluateConfig:
    """One evaluation: objects, methods and metrics."""

    meshes: Path | None = None  # a folder of .glb/.gltf/.obj; none: the stored benchmark views
    split: str | None = None  # only objects of this split of the folder's catalog.csv
    limit: int | None = None  # at most so many objects, evenly spaced over the sorted list
    background: float = 1.0  # sRGB grey behind everything; 1 is white
    drawing: Drawing = field(default_factory=Drawing)  # stored views have its size and rig
    views: BenchmarkViews = field(default_factory=_ring)  # of meshes; stored views bring their own
    baselines: tuple[Baseline, ...] = ("copy_input", "mean_color", "extruded_silhouette")
    students: dict[str, Path] = field(default_factory=dict)  # further weights by their table name
    lpips: LpipsWeights = field(default_factory=LpipsWeights)
    seed: int = 0  # of N, the same for every object
    autocast: bool = False  # the student in bfloat16 where the hardware has it
    sheet_objects: int = 6  # rows of the picture sheet, evenly spaced over the objects

    def __post_init__(self) -> None:
        build_fields(self, "evaluate")
        if not 0 <= self.background <= 1:
            raise ValueError(f"evaluate.background must lie in [0, 1], got {self.background}")
        if self.drawing.size < _SSIM_WINDOW:
            raise ValueError(
                f"evaluate.drawing.size must be at least {_SSIM_WINDOW}, SSIM's window, "
                f"got {self.drawing.size}"
            )
        if not -90 < self.views.elevation_deg < 90:
            raise ValueError(
                "evaluate.views.elevation_deg must lie in (-90, 90), "
                f"got {self.views.elevation_deg}"
            )
        if self.limit is not None and self.limit < 1:
            raise ValueError(f"evaluate.limit must be at least 1 or null, got {self.limit}")
        if self.split is not None and self.meshes is None:
            raise ValueError(
                "evaluate.split filters a mesh folder's catalog.csv, but evaluate.meshes is null; "
                "name a folder, or set evaluate.split to null"
            )
        if len(set(self.baselines)) != len(self.baselines):
            raise ValueError(f"evaluate.baselines names one twice: {list(self.baselines)}")
        if taken := {"student", *self.baselines} & set(self.students):
            raise ValueError(f"evaluate.students.{min(taken)}: the name is taken; choose another")
        if self.sheet_objects < 1:
            raise ValueError(f"evaluate.sheet_objects must be at least 1, got {self.sheet_objects}")
