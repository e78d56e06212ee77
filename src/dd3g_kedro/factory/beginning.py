"""What a distillation starts from."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from torch import Tensor

from dd3g_kedro.core.devices import default_device, network_autocast
from dd3g_kedro.core.errors import InvalidWeights, MissingWeights
from dd3g_kedro.core.imagenet_features import DISTANCE_STAGES, ImagenetFeatures
from dd3g_kedro.core.objective.explicit import ImageDistance
from dd3g_kedro.core.objective.lpips import Lpips
from dd3g_kedro.core.objective.perceptual import feature_distance
from dd3g_kedro.core.student.config import StudentConfig
from dd3g_kedro.core.student.weights import Student
from dd3g_kedro.core.teacher.teacher import Teacher


def check_fit(student: StudentConfig, teacher: Teacher) -> None:
    """The student must speak of the teacher's pictures and latents.

    Raises:
        ValueError: a key of `student` does not agree with the teacher.
    """
    views, channels, size, _ = teacher.latent_shape
    expected = {
        "image_size": teacher.config.image_size,
        "latent_channels": channels,
        "latent_size": size,
        "elevation_deg": teacher.config.elevation_deg,
        "rig": teacher.config.rig,
    }
    for key, value in expected.items():
        if getattr(student, key) != value:
            raise ValueError(
                f"student.{key} must be {value}, as the teacher's, got {getattr(student, key)}"
            )
    if len(student.azimuths_deg) != views:
        raise ValueError(
            f"student.azimuths_deg must name {views} views, as the teacher's, "
            f"got {list(student.azimuths_deg)}"
        )


def starting_student(
    config: StudentConfig, initial: Student | None, start: str, seed: int
) -> Student:
    """The weights of `student_initial`, or random ones.

    Raises:
        MissingWeights: those weights are asked for and are not there.
        InvalidWeights: they belong to another configuration.
    """
    if start == "random":
        return Student.from_config(config, seed)
    if initial is None:
        raise MissingWeights(
            "distillation.start is 'initial', but the catalog entry student_initial has no file. "
            "Put a student there, or start anew: --params distillation.start=random"
        )
    if initial.config != config:
        raise InvalidWeights(
            "student_initial: its configuration differs from the parameters `student`. Restore "
            "those parameters, or start anew: --params distillation.start=random"
        )
    initial.freeze()
    return initial


def perceptual_distance(
    teacher: Teacher, kind: str, backbone: Literal["vgg", "alex"], weights: Path | None
) -> ImageDistance:
    """LPIPS from local weights, or a distance of pretrained or of the teacher's features (Eq. 4).

    Raises:
        MissingWeights: weights are asked for and are not there.
    """
    device = default_device()
    if kind == "imagenet_features":
        network = ImagenetFeatures.pretrained(DISTANCE_STAGES).to(device)

        def pretrained(images: Tensor) -> list[Tensor]:
            with network_autocast(device):
                return network(images)

        return feature_distance(pretrained)
    if kind == "lpips":
        if weights is None:
            raise MissingWeights(
                "distillation.lpips_weights is null, but distillation.perceptual is 'lpips'. Give "
                "torchvision's state dict of the backbone, or set perceptual: imagenet_features"
            )
        return Lpips(backbone, weights).to(device)

    def features(images: Tensor) -> list[Tensor]:
        with network_autocast(device):
            return teacher.encoder_features(images)

    teacher.to(device).eval()
    return feature_distance(features)
