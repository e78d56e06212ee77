"""The last phase of a distillation: the input's own view is drawn as sharp as it was given (Ours).

The teacher's views are soft, its copy of the input too, and a student that has just learnt to close
its shapes is translucent. Everything before the decoders' last layers stays and is computed once;
so this takes minutes on two cores and needs neither teacher nor its views.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import NamedTuple, cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from dd3g_kedro.core.devices import default_device
from dd3g_kedro.core.geometry.cameras import orbit, plucker_rays
from dd3g_kedro.core.identity import Identity, deciding, weights_fingerprint
from dd3g_kedro.core.imagenet_features import DISTANCE_STAGES, ImagenetFeatures
from dd3g_kedro.core.objective.explicit import ImageDistance
from dd3g_kedro.core.objective.fidelity import ssim
from dd3g_kedro.core.objective.opacity import opacity_regularization
from dd3g_kedro.core.objective.perceptual import feature_distance
from dd3g_kedro.core.rendering.render import render
from dd3g_kedro.core.student.blocks import full_precision
from dd3g_kedro.core.student.pepd import Decoded
from dd3g_kedro.core.student.progressive_decoding import AttributeDecoder, RawAttributes
from dd3g_kedro.core.student.weights import Student
from dd3g_kedro.core.training.batches import Batches
from dd3g_kedro.core.training.config import FREE, Closing
from dd3g_kedro.core.training.loop import Callbacks, Measures, Terms, fit
from dd3g_kedro.core.training.reporting import StepReports
from dd3g_kedro.core.types import AntialiasedGaussians, Cameras, Gaussians

MAKER = "closing 1"
_AT_ONCE = 4  # pictures


class _Features(NamedTuple):
    """Pictures, and what the last layers are given for them."""

    images: Float[Tensor, "n 3 h w"]
    background: Float[Tensor, "n 3"]
    hidden: tuple[Float[Tensor, "n t e"], ...]  # of each decoder, in half precision

    def rows(self, rows: Tensor, device: torch.device) -> _Features:
        """Some of them, on the device."""
        hidden = tuple(part[rows].to(device).float() for part in self.hidden)
        return _Features(self.images[rows].to(device), self.background[rows].to(device), hidden)


class _LastLayers(nn.Module):
    """All that learns: (pictures, hidden features) -> Gaussians."""

    def __init__(self, student: Student) -> None:
        super().__init__()
        generator = cast(Decoded, student.generator)
        self.layers = nn.ModuleList(d.layers[-1] for d in generator.progressive_decoding.decoders)
        self._student = [student]  # no submodule: its other weights stay as they are

    def forward(self, features: _Features) -> Gaussians:
        """Decode and place."""
        student = self._student[0]
        generator = cast(Decoded, student.generator)
        decoders = generator.progressive_decoding.decoders
        with full_precision(features.images):  # as the decoders themselves
            values = [
                _regrouped(layer(hidden), decoder)
                for layer, hidden, decoder in zip(
                    self.layers, features.hidden, decoders, strict=True
                )
            ]
            gaussians = generator.placed(RawAttributes(*values), features.images)
        kind = AntialiasedGaussians if student.config.antialiased else Gaussians
        return kind(**vars(gaussians))


def _regrouped(values: Tensor, decoder: AttributeDecoder) -> Tensor:
    return values.unflatten(2, (-1, decoder.channels)).flatten(1, 2)


@torch.no_grad()
def _features(student: Student, batches: Batches, count: int, device: torch.device) -> _Features:
    """Run everything before the last layers once."""
    batch = batches.first(count).quadruples
    generator = cast(Decoded, student.generator)
    given: list[list[Tensor]] = [[] for _ in generator.progressive_decoding.decoders]
    hooks = [
        decoder.layers[-1].register_forward_pre_hook(
            lambda _, inputs, kept=kept: kept.append(inputs[0].half().cpu())
        )
        for decoder, kept in zip(generator.progressive_decoding.decoders, given, strict=True)
    ]
    size = student.config.latent_size
    try:
        for start in range(0, len(batch.input_image), _AT_ONCE):
            part = slice(start, start + _AT_ONCE)
            cameras = Cameras(batch.cameras.world_to_camera[part], batch.cameras.intrinsics[part])
            rays = plucker_rays(cameras, size, size)
            student(*(x.to(device) for x in (batch.input_image[part], batch.noise[part], rays)))
    finally:
        for hook in hooks:
            hook.remove()
    return _Features(batch.input_image, batch.background, tuple(torch.cat(kept) for kept in given))


def _cameras(count: int, student: Student, generator: torch.Generator) -> Cameras:
    """The input's own, and one anywhere around the object."""
    azimuth = 2 * math.pi * torch.rand(count, 1, generator=generator)
    azimuth = torch.cat([torch.zeros_like(azimuth), azimuth], dim=1)
    elevation = torch.full_like(azimuth, student.config.elevation_deg).deg2rad()
    return orbit(azimuth, elevation, student.config.rig)


def _terms(
    gaussians: Gaussians,
    before: Gaussians,
    features: _Features,
    cameras: Cameras,
    closing: Closing,
    distance: ImageDistance,
) -> Terms:
    size = features.images.shape[-1]
    views = render(gaussians, cameras, size, features.background).images
    with torch.no_grad():
        targets = render(before, cameras, size, features.background).images
        targets[:, 0] = features.images
    squares = (views - targets).square().mean(dim=(0, 2, 3, 4))
    structure = torch.stack([1 - ssim(views[:, k], targets[:, k]).mean() for k in range(2)])
    return {
        "mse": closing.mse_weight * (squares[0] + 2 * squares[1]) / 3,
        "structure": closing.structure_weight * (2 * structure[0] + structure[1]) / 3,
        "perceptual": closing.perceptual_weight * distance(views[:, 0], targets[:, 0]).mean(),
        "opacity": closing.opacity_weight * opacity_regularization(gaussians.opacities),
    }


def close(
    student: Student,
    batches: Batches,
    closing: Closing,
    checkpoints: Path,
    reports: StepReports,
    first: int = 0,
) -> Student:
    """Sharpen the input's own view by II; hold every other view to what was drawn before.

    Args:
        student: PEPD, or its ablation without patterns; changed in place.
        batches: whose pictures, backgrounds and N are used; not their OI.
        closing: numbers of the phase.
        checkpoints: folder from which an interrupted phase goes on.
        reports: where numbers go.
        first: the step that the phase's first is counted as.

    Raises:
        ValueError: the student is no PEPD.
        MissingWeights: the package of the ImageNet features is not installed.
    """
    if not isinstance(student.generator, Decoded):
        raise ValueError(f"closing needs student.pepd, got {student.config.key}; set it to null")
    device = default_device()
    student.to(device).eval()
    features = _features(student, batches, closing.pictures, device)
    before = deepcopy(_LastLayers(student)).requires_grad_(requires_grad=False)
    network = ImagenetFeatures.pretrained(DISTANCE_STAGES).to(device)
    distance = feature_distance(network)

    def terms(model: nn.Module, _: int, generator: torch.Generator) -> tuple[Terms, Measures]:
        count = closing.optimization.batch_size
        rows = torch.randint(len(features.images), (count,), generator=generator)
        cameras = _cameras(count, student, generator).to(device)
        part = features.rows(rows, device)
        return _terms(model(part), before(part), part, cameras, closing, distance), {}

    def begin(_: int, told: Sequence[Mapping[str, float | int]]) -> None:
        for report in told:
            found = {name: value for name, value in report.items() if name != "step"}
            reports.append(first + int(report["step"]), found)

    callbacks = Callbacks(
        on_start=begin,
        on_step=lambda step, found: reports.append(first + step, found),
    )
    identity = Identity.of(
        MAKER,
        closing=deciding(closing, ("optimization",)),
        optimization=deciding(closing.optimization, FREE),
        start=weights_fingerprint(student.state_dict()),
        data=batches.fingerprint,
    )
    told = (identity, checkpoints, callbacks, "closing")
    learnt = fit(_LastLayers(student), terms, closing.optimization, *told)
    for layer, decoder in zip(
        learnt.layers, student.generator.progressive_decoding.decoders, strict=True
    ):
        decoder.layers[-1].load_state_dict(layer.state_dict())
    return student.to("cpu").eval()
