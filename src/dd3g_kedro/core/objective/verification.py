"""L_IV: the teacher judges renderings from random cameras (Eq. 5, Sec. III-C), whole.

Read from the bottom: `verify` draws cameras, t and a background; `teacher_verdict` renders, encodes
and adds noise; `residual` is w(t)(eps_phi - eps) of what the teacher says; `implicit_verification`
turns it into a loss. The teacher is whatever keeps to `ScoreTeacher`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Protocol, get_args, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from dd3g_kedro.core.devices import network_autocast
from dd3g_kedro.core.geometry.cameras import orbit
from dd3g_kedro.core.objective.background import composite, random_background
from dd3g_kedro.core.objective.config import ObjectiveConfig, Verification, Weighting
from dd3g_kedro.core.rendering.render import render
from dd3g_kedro.core.teacher.schedule import add_noise
from dd3g_kedro.core.types import Cameras, Gaussians

RELEASED_RESCALE = 0.2
_VIEWS = 4  # of a group, 90 degrees apart, as the teacher was trained
_TINY = 1e-8  # as released, keeps the ratio of deviations finite

Latents = Float[Tensor, "b v c y x"]


@runtime_checkable
class ScoreTeacher(Protocol):
    """What Eq. 5 asks of U_base (`core.teacher.teacher.Teacher` keeps to it)."""

    config: Any  # image_size in pixels, rig of the cameras
    alphas_cumprod: Tensor  # alpha_bar of every t

    def encode(self, images: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n c y x"]:
        """z of images, sRGB in [0, 1]; differentiable."""

    def condition(self, input_images: Float[Tensor, "b 3 s s"]) -> Any:
        """What it is told of II."""

    def camera_vectors(self, cameras: Cameras) -> Float[Tensor, "b v a"]:
        """What it is told of the cameras."""

    def predict(
        self,
        latents: Latents,
        timesteps: Int[Tensor, " b"],
        condition: Any,
        camera: Float[Tensor, "b v a"],
        guidance_scale: float,
    ) -> tuple[Latents, Latents]:
        """Its output with guidance, and without."""

    def noise_from_output(
        self, output: Latents, latents: Latents, timesteps: Int[Tensor, " b"]
    ) -> Latents:
        """eps_phi of an output."""


def implicit_verification(
    latents: Latents, residual: Callable[[Tensor], Tensor]
) -> Float[Tensor, ""]:
    """Low-noise SDS (Eq. 5); only its gradient, w(t)(eps_phi - eps), has meaning.

    Args:
        latents: z, of the student's renderings, encoded with gradients.
        residual: z -> w(t)(eps_phi(z_t; t, II, c) - eps): the teacher, with t, eps, II and c.
    """
    with torch.no_grad():
        target = latents - residual(latents)
    return 0.5 * (latents - target).square().sum() / len(latents)


def verification_cameras(
    batch: int, config: Verification, generator: torch.Generator
) -> tuple[Float[Tensor, "{batch} v"], Float[Tensor, "{batch} v"]]:
    """Azimuths and elevations of random groups, in radians; on the CPU (Eq. 5, Sec. IV-A).

    Four azimuths 90 degrees apart from a start in [-180, 180), one elevation for the four.
    """
    start = math.pi * (2 * torch.rand(batch, 1, generator=generator) - 1)
    azimuth = start + torch.arange(_VIEWS) * (2 * math.pi / _VIEWS)
    lower, upper = (math.radians(bound) for bound in config.elevation_deg)
    elevation = lower + (upper - lower) * torch.rand(batch, 1, generator=generator)
    return azimuth, elevation.expand(batch, _VIEWS)


def verification_timesteps(
    batch: int, config: Verification, generator: torch.Generator
) -> Int[Tensor, "{batch}"]:
    """One t a group, uniform over the range and both its ends; on the CPU (Sec. IV-A)."""
    lowest, highest = config.timesteps
    return torch.randint(lowest, highest + 1, (batch,), generator=generator)


def _of_object(values: Float[Tensor, " b"], like: Tensor) -> Float[Tensor, "b 1 1 1 1"]:
    return values.to(like)[:, None, None, None, None]


def _clean(noisy: Latents, noise: Latents, alpha_bar: Tensor) -> Latents:
    return (noisy - (1 - alpha_bar).sqrt() * noise) / alpha_bar.sqrt()


def _deviation(latents: Latents) -> Float[Tensor, "b 1 1 1 1"]:
    return latents.flatten(1).std(dim=1)[:, None, None, None, None] + _TINY


def reconstruction(
    noisy: Latents,
    guided: Latents,
    conditional: Latents,
    alpha_bar: Float[Tensor, " b"],
    rescale: float = RELEASED_RESCALE,
) -> Latents:
    """x_0 that the guided noise points to, its contrast pulled to that of the conditional one.

    Guidance overshoots; a share `rescale` of the result has the standard deviation that x_0 has
    without guidance, taken over all views of an object.
    """
    alpha_bar = _of_object(alpha_bar, noisy)
    clean = _clean(noisy, guided, alpha_bar)
    if rescale == 0:
        return clean
    factor = _deviation(_clean(noisy, conditional, alpha_bar)) / _deviation(clean)
    return rescale * factor * clean + (1 - rescale) * clean


def distillation_weight(alpha_bar: Float[Tensor, " b"], weighting: str) -> Float[Tensor, " b"]:
    """w(t), the factor of (eps_phi - eps) in the gradient.

    At t = 20 the choices differ 53-fold, so Eq. 6's weight means nothing without this name.

    Raises:
        ValueError: `weighting` has no such form.
    """
    if weighting == "one_minus_alpha_bar":
        return 1 - alpha_bar
    if weighting == "sigma_over_alpha":
        return ((1 - alpha_bar) / alpha_bar).sqrt()
    if weighting == "one":
        return torch.ones_like(alpha_bar)
    raise ValueError(
        f"verification.weighting must be one of {get_args(Weighting)}, got {weighting!r}"
    )


@torch.no_grad()
def residual(
    latents: Latents,
    noise: Latents,
    guided: Latents,
    conditional: Latents,
    alpha_bar: Float[Tensor, " b"],
    weighting: str,
    rescale: float = RELEASED_RESCALE,
) -> Latents:
    """w(t) (eps_phi - eps), the gradient by the latents of one object's loss (Eq. 5).

    With `x0_reconstruction` (ImageDream's released loss) it is latents - x_0 for the
    `reconstruction` x_0; without rescaling that equals `sigma_over_alpha`. The released loss is
    divided by the images of the batch; dividing by objects instead, as Eq. 5 reads, makes it
    larger by the number of views.

    Args:
        latents: of the renderings, clean.
        noise: eps, which was added to them.
        guided: eps_phi with guidance.
        conditional: eps_phi without guidance; used by `x0_reconstruction` alone.
        alpha_bar: of each object's timestep.
        weighting: names w(t), one of `Weighting`.
        rescale: share of contrast correction in `x0_reconstruction`.

    Raises:
        ValueError: an unknown weighting.
    """
    if weighting == "x0_reconstruction":
        noisy = add_noise(latents, noise, alpha_bar)
        return latents - reconstruction(noisy, guided, conditional, alpha_bar, rescale)
    return _of_object(distillation_weight(alpha_bar, weighting), latents) * (guided - noise)


def teacher_verdict(
    gaussians: Gaussians,
    cameras: Cameras,
    input_images: Float[Tensor, "b 3 h w"],
    background: Float[Tensor, "b 3"],
    timesteps: Int[Tensor, " b"],
    teacher: ScoreTeacher,
    config: Verification,
    generator: torch.Generator,
) -> Float[Tensor, ""]:
    """Render, encode, add noise, ask the teacher: the score's surrogate loss, scaled (Eq. 5).

    Args:
        gaussians: of the objects.
        cameras: four, 90 degrees apart.
        input_images: II over the background. Ours: framed once, for the student and the teacher.
        background: behind the renderings too.
        timesteps: t, one an object.
        teacher: asked, without gradients.
        config: w(t), guidance and scale.
        generator: draws eps, on the CPU.
    """
    device = gaussians.means.device
    images = render(gaussians, cameras, teacher.config.image_size, background).images
    with network_autocast(device):
        latents = teacher.encode(images.flatten(0, 1)).unflatten(0, images.shape[:2])
        condition = teacher.condition(input_images)
    latents = latents.float()
    noise = torch.randn(latents.shape, generator=generator).to(device)
    alpha_bar = teacher.alphas_cumprod[timesteps]

    def asked(clean: Tensor) -> Tensor:
        noisy = add_noise(clean, noise, alpha_bar)
        vectors = teacher.camera_vectors(cameras)
        guided, conditional = (
            teacher.noise_from_output(output, noisy, timesteps)
            for output in teacher.predict(
                noisy, timesteps, condition, vectors, config.guidance_scale
            )
        )
        told = (alpha_bar, config.weighting, config.rescale)
        return residual(clean, noise, guided, conditional, *told)

    return config.scale * implicit_verification(latents, asked)


def verify(
    gaussians: Gaussians,
    input_rgba: Float[Tensor, "b 4 h w"],
    teacher: ScoreTeacher,
    objective: ObjectiveConfig,
    generator: torch.Generator,
) -> Float[Tensor, ""]:
    """L_IV of a batch, scaled: render at random cameras, ask the teacher (Eq. 5).

    The background is the same for the renderings and for the input image: Eq. 8's, or white.
    """
    config, device, count = objective.verification, gaussians.means.device, len(gaussians)
    azimuth, elevation = verification_cameras(count, config, generator)
    timesteps = verification_timesteps(count, config, generator).to(device)
    background = random_background(count, generator).to(device)
    if config.background == "white":  # drawn all the same: everything else that is random stays
        background = torch.ones_like(background)
    cameras = orbit(azimuth, elevation, teacher.config.rig).to(device)
    input_images = composite(input_rgba, background)
    return teacher_verdict(
        *(gaussians, cameras, input_images, background, timesteps, teacher, config, generator)
    )
