"""Score distillation with the teacher: of any Gaussians, and as a way to make one object."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from dd3g_kedro.core.geometry.cameras import orbit
from dd3g_kedro.core.objective.background import composite, random_background
from dd3g_kedro.core.objective.verification import teacher_verdict, verification_cameras
from dd3g_kedro.core.rendering.render import render
from dd3g_kedro.core.teacher.teacher import Teacher
from dd3g_kedro.core.types import Cameras, Gaussians
from dd3g_kedro.fitting.cloud import optimise
from dd3g_kedro.fitting.config import SdsConfig
from dd3g_kedro.fitting.initial import hull_points, initial_gaussians, silhouettes

_SILHOUETTE = 0.05  # of an input without alpha: this far from its background, in a channel
_GREY = 0.5  # colour of the first Gaussians, as DreamGaussian's


def annealed_timestep(step: int, steps: int, timesteps: tuple[int, int]) -> int:
    """t falls linearly from the range's end at the first step to its start at the last."""
    lowest, highest = timesteps
    return round(highest + (lowest - highest) * step / max(steps - 1, 1))


def _with_alpha(
    picture: Float[Tensor, "c h w"], background: Float[Tensor, "3"], size: int
) -> Float[Tensor, "4 h w"]:
    channels, height, width = picture.shape
    if channels not in (3, 4) or (height, width) != (size, size):
        raise ValueError(
            f"optimise_by_sds: expected an RGB or RGBA picture of {size} x {size} pixels, as the "
            f"teacher takes them, got {channels} channels of {height} x {width}; "
            "use pictures.framing first"
        )
    if not bool(picture.isfinite().all()):
        raise ValueError("optimise_by_sds: expected a finite picture, got NaN or inf")
    if channels == 4:
        return picture
    mask = silhouettes(picture[None], background, _SILHOUETTE)[0]
    return torch.cat([picture, mask.to(picture)])


def _first_cloud(
    alpha: Float[Tensor, "1 h w"], front: Cameras, config: SdsConfig, generator: torch.Generator
) -> Gaussians:
    """Grey balls. Ours: where the input's camera sees the object, not all over the ball."""
    points, volume = hull_points(config.cloud, alpha[None], front, generator)
    return initial_gaussians(points, torch.full_like(points, _GREY), volume, config.cloud.opacity)


def optimise_by_sds(
    input_image: Float[Tensor, "c h w"],
    teacher: Teacher,
    config: SdsConfig,
    background: Float[Tensor, "3"] | None = None,
) -> Gaussians:
    """One object by the teacher's score, as DreamGaussian makes it: no network is trained.

    Every step asks the teacher about four random views at one t, which falls linearly, and
    compares the front view with the input image: 10,000 MSE + 1,000 MSE of alpha. Behind an RGBA
    input the background is drawn anew every step (Eq. 8), the same for the renderings.

    Args:
        input_image: straight RGBA; or RGB over `background`, which then stays and tells the
            silhouette. sRGB in [0, 1], at the teacher's size.
        teacher: asked, on its device.
        config: numbers of the optimisation; its seed decides everything that is random.
        background: of an RGB input, sRGB in [0, 1]; white if not given.

    Raises:
        ValueError: the picture is not what the teacher takes.
        TrainingDiverged: the Gaussians became NaN or infinite.
    """
    size, device = teacher.config.image_size, teacher.device
    generator = torch.Generator().manual_seed(config.seed)
    with torch.inference_mode(mode=False), torch.enable_grad():
        varied = len(input_image) == 4
        fixed = torch.ones(3) if background is None else background
        rgba = _with_alpha(input_image, fixed.to(input_image), size).to(device).float().clone()
        elevation = torch.full((1, 1), math.radians(teacher.config.elevation_deg))
        front = orbit(torch.zeros(1, 1), elevation, teacher.config.rig).to(device)

        def loss(gaussians: Gaussians, step: int) -> Tensor:
            behind = (random_background(1, generator) if varied else fixed[None]).to(rgba)
            picture = composite(rgba, behind[0]) if varied else rgba[:3]
            drawn = render(gaussians, front, size, behind)
            reference = (drawn.images[0, 0] - picture).square().mean()
            mask = (drawn.alphas[0, 0] - rgba[3:]).square().mean()
            cameras = orbit(
                *verification_cameras(1, config.guidance, generator), teacher.config.rig
            ).to(device)
            t = annealed_timestep(step, config.steps, config.guidance.timesteps)
            timesteps = torch.full((1,), t, device=device)
            verdict = teacher_verdict(
                *(gaussians, cameras, picture[None], behind, timesteps),
                *(teacher, config.guidance, generator),
            )
            return verdict + config.reference_weight * reference + config.mask_weight * mask

        start = _first_cloud(rgba[3:], front, config, generator)
        title = "distilling one object"
        return optimise(start, loss, config.steps, config.cloud, title, show_progress=True)
