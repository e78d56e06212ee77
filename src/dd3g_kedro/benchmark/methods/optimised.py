"""Methods that ask the teacher about every object: minutes instead of a forward pass."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from dd3g_kedro.benchmark.config import EvaluateConfig, Optimised, TwoStage
from dd3g_kedro.benchmark.methods.lifters import Lifted, Method
from dd3g_kedro.benchmark.truth.views import Sighting
from dd3g_kedro.core.geometry import camera_to_world
from dd3g_kedro.core.objective.background import composite
from dd3g_kedro.core.types import Cameras, Gaussians
from dd3g_kedro.fitting.config import FitConfig, SdsConfig
from dd3g_kedro.pictures.framing import square

if TYPE_CHECKING:
    from dd3g_kedro.core.teacher.teacher import Teacher


class _PerObject(ABC):
    """What both have in common; they are measured once, without a warm-up."""

    warmup, rounds = 0, 1

    def __init__(self, teacher: Teacher, seed: int) -> None:
        self.teacher = teacher
        self.seed = seed

    @property
    def network(self) -> nn.Module:
        """The teacher."""
        return self.teacher

    def prepared(
        self, sighting: Sighting, background: Float[Tensor, "3"]
    ) -> Callable[[], Gaussians]:
        """The picture at the teacher's size; an optimisation of one object."""
        rgba = square(sighting.rgba, self.teacher.config.image_size).to(self.teacher.device)
        return partial(self.optimised, rgba, background.to(rgba))

    @abstractmethod
    def optimised(self, rgba: Float[Tensor, "4 h w"], background: Float[Tensor, "3"]) -> Gaussians:
        """The object of a picture at the teacher's size."""

    def __call__(self, sighting: Sighting, background: Float[Tensor, "3"]) -> Gaussians:
        """Lift the picture."""
        return self.prepared(sighting, background)().detach()


class DreamGaussian(_PerObject):
    """The teacher's score, distilled into one object's Gaussians; the seed is not `sds`'s own."""

    def __init__(self, teacher: Teacher, seed: int, sds: SdsConfig) -> None:
        super().__init__(teacher, seed)
        self.sds = sds

    def optimised(
        self,
        rgba: Float[Tensor, "4 h w"],
        background: Float[Tensor, "3"],  # noqa: ARG002
    ) -> Gaussians:
        """Optimise over backgrounds of its own: the picture keeps its alpha."""
        from dd3g_kedro.fitting.score import optimise_by_sds

        return optimise_by_sds(rgba, self.teacher, replace(self.sds, seed=self.seed))


class TeacherViews:
    """The teacher's own views as they are: at every camera the one that stands nearest (Ours).

    They are pictures, no object: between the teacher's frames they stand wrong, as a copy does.
    """

    def __init__(self, teacher: Teacher, seed: int, config: TwoStage) -> None:
        self.teacher = teacher
        self.seed = seed
        self.config = config

    def __call__(
        self, sighting: Sighting, cameras: Cameras, size: int, background: Float[Tensor, "1 3"]
    ) -> Float[Tensor, "v 3 {size} {size}"]:
        """Sample the views over the background and enlarge them."""
        rgba = square(sighting.rgba, self.teacher.config.image_size).to(self.teacher.device)
        views, frames = self.sampled(composite(rgba, background[0].to(rgba)))
        nearest = (_directions(cameras) @ _directions(frames).to(cameras.intrinsics).T).argmax(1)
        whole = views.float().cpu()[nearest.cpu()]
        return F.interpolate(whole, size=(size, size), mode="bilinear", antialias=True).clamp(0, 1)

    def sampled(self, picture: Float[Tensor, "3 h w"]) -> tuple[Float[Tensor, "v 3 y x"], Cameras]:
        """The teacher's views, with the N of the seed, and their cameras (b = 1)."""
        teacher = self.teacher
        cameras = teacher.frames(1, math.radians(teacher.config.elevation_deg))
        how = self.config
        scales = (how.guidance_scale, None, how.temperature)
        return teacher.views(picture[None], [self.seed], how.steps, *scales)[0], cameras


class TwoStageLifter(_PerObject):
    """The teacher's views of the picture, then Gaussians fitted to them (LGM's, V3D's family).

    The picture itself takes no part in the fit: the teacher's views need not agree with it. The
    seed is not `fit`'s own.
    """

    def __init__(self, teacher: Teacher, seed: int, config: TwoStage, fit: FitConfig) -> None:
        super().__init__(teacher, seed)
        self.views, self.fit = TeacherViews(teacher, seed, config), fit

    def optimised(self, rgba: Float[Tensor, "4 h w"], background: Float[Tensor, "3"]) -> Gaussians:
        """Sample the views over the background, then fit."""
        from dd3g_kedro.fitting.views import fit_to_views

        views, cameras = self.views.sampled(composite(rgba, background))
        return fit_to_views(views, cameras, background, replace(self.fit, seed=self.seed))


def _directions(cameras: Cameras) -> Float[Tensor, "v 3"]:
    """From the origin to the cameras of the first object."""
    return F.normalize(camera_to_world(cameras)[0, :, :3, 3], dim=-1)


def optimised_method(name: Optimised, teacher: Teacher, config: EvaluateConfig) -> Method:
    """The method of that name."""
    if name == "dreamgaussian":
        return Lifted(DreamGaussian(teacher, config.seed, config.sds))
    if name == "teacher_views":
        return TeacherViews(teacher, config.seed, config.two_stage)
    return Lifted(TwoStageLifter(teacher, config.seed, config.two_stage, config.fit))
