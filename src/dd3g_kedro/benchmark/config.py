"""What is scored, under which protocol."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal

from dd3g_kedro.benchmark.protocol import Manifest, load_protocol
from dd3g_kedro.core.config_building import build_fields
from dd3g_kedro.fitting.config import FitConfig, SdsConfig

Baseline = Literal["copy_input", "mean_color", "extruded_silhouette"]
Optimised = Literal["dreamgaussian", "two_stage", "teacher_views"]
WORST, BEST = 1, 10  # of the user study: very poor, perfection (Sec. IV-A)


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
class AlignmentConfig:
    """The search for the turn (and scale) at which an object fits its input view. All Ours."""

    size: int = 64  # pixels that the input view is compared at
    step_deg: float = 10.0  # of the coarse search, all around
    tolerance_deg: float = 0.5  # to which the best of it are refined
    scale: bool = False  # search a scale between 1/1.5 and 1.5 too

    def __post_init__(self) -> None:
        build_fields(self, "evaluate.alignment")
        if self.size < 8:
            raise ValueError(f"evaluate.alignment.size must be at least 8, got {self.size}")
        if not 0 < self.tolerance_deg <= self.step_deg <= 90:
            raise ValueError(
                "evaluate.alignment: expected 0 < tolerance_deg <= step_deg <= 90, got "
                f"{self.tolerance_deg} and {self.step_deg}"
            )


@dataclass(frozen=True, kw_only=True)
class TwoStage:
    """How the teacher's views are sampled, to which Gaussians are then fitted, or as they are."""

    steps: int = 50  # DDIM, eta 0
    guidance_scale: float = 5.0  # Ours: ImageDream's demo

    def __post_init__(self) -> None:
        build_fields(self, "evaluate.two_stage")
        if self.steps < 1:
            raise ValueError(f"evaluate.two_stage.steps must be at least 1, got {self.steps}")


@dataclass(frozen=True, kw_only=True)
class PicturesConfig:
    """What is kept for the report's side-by-side pictures and turntables. All Ours."""

    objects: int = 12  # at most, evenly spaced over the evaluated ones
    views: int = 12  # of an object, at most
    size: int = 256  # pixels a side, at most
    frames: int = 24  # of a turntable; 0: none
    turntable_size: int = 192  # pixels a side
    elevation_deg: float = 15.0  # of a turntable

    def __post_init__(self) -> None:
        build_fields(self, "evaluate.pictures")
        least = {"objects": 1, "views": 1, "size": 16, "frames": 0, "turntable_size": 16}
        for name, bound in least.items():
            if getattr(self, name) < bound:
                raise ValueError(
                    f"evaluate.pictures.{name} must be at least {bound}, got {getattr(self, name)}"
                )
        if not -90 < self.elevation_deg < 90:
            raise ValueError(
                f"evaluate.pictures.elevation_deg must lie in (-90, 90), got {self.elevation_deg}"
            )


@dataclass(frozen=True, kw_only=True)
class StudyConfig:
    """The user study. Ours: the paper tells the scale, the 10 sets and the 47 volunteers."""

    objects: int = 10  # at most, evenly spaced over the evaluated ones
    frames: int = 36  # of a turntable
    frame_ms: int = 80
    size: int = 256  # pixels a side
    elevation_deg: float = 5.0
    seed: int = 0  # of the opaque names
    title: str = "How good are these 3D models?"
    folder: Path | None = None  # the collected answers; none: only the page is made

    def __post_init__(self) -> None:
        build_fields(self, "evaluate.study")
        for name in ("objects", "frames", "size"):
            if getattr(self, name) < 1:
                raise ValueError(
                    f"evaluate.study.{name} must be at least 1, got {getattr(self, name)}"
                )
        if self.frame_ms < 20:
            raise ValueError(f"evaluate.study.frame_ms must be at least 20, got {self.frame_ms}")
        if not -90 < self.elevation_deg < 90:
            raise ValueError(
                f"evaluate.study.elevation_deg must lie in (-90, 90), got {self.elevation_deg}"
            )


@dataclass(frozen=True, kw_only=True)
class EvaluateConfig:
    """One evaluation: a protocol, its objects on this machine, and the methods."""

    protocol: str = "demo"  # id, or name of the newest version, or a file *.json
    objects: Path | None = None  # folder of what the protocol reads; none: the stored views
    split: str | None = None  # only meshes of this split of the folder's catalog.csv
    limit: int | None = None  # at most so many objects, evenly spaced over the list
    baselines: tuple[Baseline, ...] = ("copy_input", "mean_color", "extruded_silhouette")
    students: dict[str, Path] = field(default_factory=dict)  # further weights by their table name
    outputs: dict[str, Path] = field(default_factory=dict)  # folders of other systems' outputs
    optimised: tuple[Optimised, ...] = ()  # asks the teacher about every object
    two_stage: TwoStage = field(default_factory=TwoStage)
    fit: FitConfig = field(default_factory=FitConfig)  # of two_stage's second stage
    sds: SdsConfig = field(default_factory=SdsConfig)  # of dreamgaussian
    alignment: AlignmentConfig = field(default_factory=AlignmentConfig)
    lpips: LpipsWeights = field(default_factory=LpipsWeights)
    clip: Path | None = None  # folder of a CLIP model; none: CLIP similarity is a dash
    costs: bool = False  # measure seconds and memory of every lifter too
    seed: int = 0  # of N, the same for every object
    autocast: bool = False  # the student in bfloat16 where the hardware has it
    sheet_objects: int = 6  # rows of the picture sheet, evenly spaced over the objects
    pictures: PicturesConfig = field(default_factory=PicturesConfig)
    study: StudyConfig | None = None  # the user study; none: neither page nor scores

    def __post_init__(self) -> None:
        build_fields(self, "evaluate")
        self._check_objects(self.manifest)
        for key in ("fit", "sds"):
            if getattr(self, key).seed:
                raise ValueError(f"evaluate.{key}.seed has no effect; set evaluate.seed instead")
        if self.limit is not None and self.limit < 1:
            raise ValueError(f"evaluate.limit must be at least 1 or null, got {self.limit}")
        for key in ("baselines", "optimised"):
            if len(set(getattr(self, key))) != len(getattr(self, key)):
                raise ValueError(f"evaluate.{key} names one twice: {list(getattr(self, key))}")
        taken = {"student", *self.baselines, *self.optimised}
        for key in ("students", "outputs"):
            if both := taken & set(getattr(self, key)):
                raise ValueError(f"evaluate.{key}.{min(both)}: the name is taken; choose another")
            taken |= set(getattr(self, key))
        if self.sheet_objects < 1:
            raise ValueError(f"evaluate.sheet_objects must be at least 1, got {self.sheet_objects}")

    @cached_property
    def manifest(self) -> Manifest:
        """The protocol's content."""
        return load_protocol(self.protocol)

    @property
    def folder(self) -> Path:
        """Where the protocol's objects lie.

        Raises:
            ValueError: the protocol measures the stored views.
        """
        if self.objects is None:
            raise ValueError(f"evaluate.objects is null: {self.manifest.id} reads no folder")
        return self.objects

    def _check_objects(self, manifest: Manifest) -> None:
        stored = manifest.source == "stored_views"
        if stored and self.objects is not None:
            raise ValueError(
                f"evaluate.objects is {self.objects}, but the protocol {manifest.id} measures the "
                "stored views; set it to null, or evaluate.protocol to meshes, gso, rtmv or images"
            )
        if not stored and self.objects is None:
            raise ValueError(
                f"evaluate.objects must name the folder ({manifest.source}) that the protocol "
                f"{manifest.id} measures, got null"
            )
        if self.split is not None and manifest.source != "meshes":
            raise ValueError(
                "evaluate.split filters a mesh folder's catalog.csv, but the protocol "
                f"{manifest.id} reads {manifest.source}; set evaluate.split to null"
            )
        if manifest.source == "images" and self.clip is None:
            raise ValueError(
                f"evaluate.clip must name the folder of a CLIP model: the protocol {manifest.id} "
                "has no ground truth, so that nothing but CLIP similarity can be measured"
            )
