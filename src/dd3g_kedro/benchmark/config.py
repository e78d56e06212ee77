"""What is scored, under which protocol."""

from __future__ import annotations

from dataclasses import field
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt

from dd3g_kedro.benchmark.protocol import Manifest, load_protocol
from dd3g_kedro.core.config_building import ElevationDeg, Seed, Share, configuration
from dd3g_kedro.fitting.config import FitConfig, SdsConfig

Baseline = Literal["copy_input", "mean_color", "extruded_silhouette"]
Optimised = Literal["dreamgaussian", "two_stage", "teacher_views"]
WORST, BEST = 1, 10  # of the user study: very poor, perfection (Sec. IV-A)


@configuration
class LpipsWeights:
    """Where the backbones' weights lie on this machine; without a file the metric is a dash."""

    vgg: Path | None = None  # the headline of field surveys
    alex: Path | None = None
    required: bool = False  # stop before the first object where a given file is missing

    def __post_init__(self) -> None:
        if self.required and self.vgg is None and self.alex is None:
            raise ValueError(
                "required is true but neither vgg nor alex names a file; name one, or set "
                "required to false"
            )


@configuration
class AlignmentConfig:
    """The search for the turn (and scale) at which an object fits its input view. All Ours."""

    size: Annotated[int, Field(ge=8)] = 64  # pixels that the input view is compared at
    step_deg: Annotated[float, Field(gt=0, le=90)] = 10.0  # of the coarse search, all around
    tolerance_deg: PositiveFloat = 0.5  # to which the best of it are refined
    scale: bool = False  # search a scale between 1/1.5 and 1.5 too

    def __post_init__(self) -> None:
        if self.tolerance_deg > self.step_deg:
            raise ValueError(
                f"tolerance_deg must be at most step_deg {self.step_deg}, got {self.tolerance_deg}"
            )


@configuration
class TwoStage:
    """How the teacher's views are sampled, to which Gaussians are then fitted, or as they are."""

    steps: PositiveInt = 50  # DDIM, eta 0
    guidance_scale: float = 5.0  # Ours: ImageDream's demo
    temperature: Share = 1.0  # Ours: as sampling.temperature


@configuration
class PicturesConfig:
    """What is kept for the report's side-by-side pictures and turntables. All Ours."""

    objects: PositiveInt = 12  # at most, evenly spaced over the evaluated ones
    views: PositiveInt = 12  # of an object, at most
    size: Annotated[int, Field(ge=16)] = 256  # pixels a side, at most
    frames: NonNegativeInt = 24  # of a turntable; 0: none
    turntable_size: Annotated[int, Field(ge=16)] = 192  # pixels a side
    elevation_deg: ElevationDeg = 15.0  # of a turntable


@configuration
class StudyConfig:
    """The user study. Ours: the paper tells the scale, the 10 sets and the 47 volunteers."""

    objects: PositiveInt = 10  # at most, evenly spaced over the evaluated ones
    frames: PositiveInt = 36  # of a turntable
    frame_ms: Annotated[int, Field(ge=20)] = 80
    size: PositiveInt = 256  # pixels a side
    elevation_deg: ElevationDeg = 5.0
    seed: Seed = 0  # of the opaque names
    title: str = "How good are these 3D models?"
    folder: Path | None = None  # the collected answers; none: only the page is made


@configuration
class EvaluateConfig:
    """One evaluation: a protocol, its objects on this machine, and the methods."""

    protocol: str = "demo"  # id, or name of the newest version, or a file *.json
    objects: Path | None = None  # folder of what the protocol reads; none: the stored views
    split: str | None = None  # only meshes of this split of the folder's catalog.csv
    limit: PositiveInt | None = None  # at most so many objects, evenly spaced over the list
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
    seed: Seed = 0  # of N, the same for every object
    autocast: bool = False  # the student in bfloat16 where the hardware has it
    sheet_objects: PositiveInt = 6  # rows of the picture sheet, evenly spaced over the objects
    pictures: PicturesConfig = field(default_factory=PicturesConfig)
    study: StudyConfig | None = None  # the user study; none: neither page nor scores

    def __post_init__(self) -> None:
        self._check_objects(self.manifest)
        for key in ("fit", "sds"):
            if getattr(self, key).seed:
                raise ValueError(f"{key}.seed has no effect; set evaluate.seed instead")
        for key in ("baselines", "optimised"):
            if len(set(getattr(self, key))) != len(getattr(self, key)):
                raise ValueError(f"{key} names one twice: {list(getattr(self, key))}")
        taken = {"student", *self.baselines, *self.optimised}
        for key in ("students", "outputs"):
            if both := taken & set(getattr(self, key)):
                raise ValueError(f"{key}.{min(both)}: the name is taken; choose another")
            taken |= set(getattr(self, key))

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
            raise ValueError(f"objects is null: {self.manifest.id} reads no folder")
        return self.objects

    def _check_objects(self, manifest: Manifest) -> None:
        stored = manifest.source == "stored_views"
        if stored and self.objects is not None:
            raise ValueError(
                f"objects is {self.objects}, but the protocol {manifest.id} measures the "
                "stored views; set it to null, or evaluate.protocol to meshes, gso, rtmv or images"
            )
        if not stored and self.objects is None:
            raise ValueError(
                f"objects must name the folder ({manifest.source}) that the protocol "
                f"{manifest.id} measures, got null"
            )
        if self.split is not None and manifest.source != "meshes":
            raise ValueError(
                "split filters a mesh folder's catalog.csv, but the protocol "
                f"{manifest.id} reads {manifest.source}; set evaluate.split to null"
            )
        if manifest.source == "images" and self.clip is None:
            raise ValueError(
                f"clip must name the folder of a CLIP model: the protocol {manifest.id} "
                "has no ground truth, so that nothing but CLIP similarity can be measured"
            )
