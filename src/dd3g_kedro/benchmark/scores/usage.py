"""How many of an object's Gaussians do something (Ours)."""

from __future__ import annotations

from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from dd3g_kedro.core.rendering.render import render
from dd3g_kedro.core.types import Cameras, Gaussians

_COVERED = 0.1 / 12  # of a pixel, in the mean view: a tenth of one in twelve views together


def coverage(gaussians: Gaussians, cameras: Cameras, size: int) -> Float[Tensor, "g"]:
    """Pixels that each Gaussian of one object colours in the mean view.

    The gradient of the views' sum by its colour: the sum of the weights it was blended with.
    """
    device, views = gaussians.means.device, cameras.world_to_camera.shape[1]
    with torch.inference_mode(mode=False), torch.enable_grad():
        attributes = {name: value.clone() for name, value in vars(gaussians).items()}
        colors = attributes.pop("colors").requires_grad_()
        still = replace(gaussians, colors=colors, **attributes)
        black = torch.zeros(1, 3, device=device)
        drawn = render(still, cameras.to(device), size, black).images.sum()
        (slope,) = torch.autograd.grad(drawn, colors)
    return slope[0, :, 0] / views


def used_share(gaussians: Gaussians, cameras: Cameras, size: int) -> float:
    """The share that covers at least a tenth of a pixel in twelve views together."""
    return float((coverage(gaussians, cameras, size) >= _COVERED).float().mean())
