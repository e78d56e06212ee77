"""L_ES: the student's renderings against the teacher's views (Sec. III-C)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from dd3g_kedro.core.objective.config import ExplicitSupervision
from dd3g_kedro.core.objective.fidelity import ssim
from dd3g_kedro.core.types import Cameras

ImageDistance = Callable[[Tensor, Tensor], Tensor]  # ("n 3 h w", "n 3 h w") -> "n", differentiable


def with_input_view(
    cameras: Cameras,
    targets: Float[Tensor, "b v 3 h w"],
    input_images: Float[Tensor, "b 3 h w"],
    front: Cameras,
    azimuths_deg: Sequence[float],
) -> tuple[Cameras, Float[Tensor, "b v 3 h w"]]:
    """C and OI with the input's own camera and II itself in the place of the front frame (Ours).

    The teacher draws that view anew, softer than it was given: its student would copy the softness.

    Args:
        cameras: C, of each object; turned ones too.
        targets: OI.
        input_images: II.
        front: the input's camera.
        azimuths_deg: of the frames where nothing is turned; the one at 0 is the front.
    """
    targets, poses = targets.clone(), cameras.world_to_camera.clone()
    for view, azimuth in enumerate(azimuths_deg):
        if azimuth % 360 == 0:
            targets[:, view] = input_images
            poses[:, view] = front.world_to_camera[:, 0]
    return Cameras(poses, cameras.intrinsics), targets


def _looked_at(views: Float[Tensor, "b v 3 h w"], every: int) -> Float[Tensor, "n 3 h w"]:
    """One of so many views, the next object's shifted by one."""
    flat = rearrange(views, "b v c h w -> (b v) c h w")
    if every == 1:
        return flat
    objects, count = views.shape[:2]
    places = torch.arange(objects)[:, None] + torch.arange(count)
    chosen = (places % every == 0).flatten().nonzero()[:, 0]
    return flat[chosen.to(flat.device)]


def explicit_supervision(
    images: Float[Tensor, "b v 3 h w"],
    targets: Float[Tensor, "b v 3 h w"],
    config: ExplicitSupervision,
    perceptual: ImageDistance,
) -> tuple[Float[Tensor, ""], dict[str, Float[Tensor, ""]]]:
    """lambda_1 MSE + lambda_2 perceptual distance (Eqs. 3, 4), and all without their weights.

    Ours: + structure_weight (1 - SSIM), where that is not zero; MSE alone is content with blur.
    Both looks at details may leave views out, others of each object: they cost the most.

    Args:
        images: renderings, sRGB in [0, 1].
        targets: OI over the same background.
        config: the weights.
        perceptual: LPIPS, or what stands in for it; not called where its weight is zero.
    """
    parts = {"mse": (images - targets).square().mean()}
    total = config.mse_weight * parts["mse"]
    flat = [_looked_at(views, config.detail_every) for views in (images, targets)]
    if config.structure_weight > 0:
        parts["structure"] = 1 - ssim(*flat).mean()
        total = total + config.structure_weight * parts["structure"]
    if config.perceptual_weight > 0:
        parts["perceptual"] = perceptual(*flat).mean()
        total = total + config.perceptual_weight * parts["perceptual"]
    return total, parts
