"""Turning a generated object until it fits its input view.

The paper's authors turned samples by hand until their front agreed with the input (Sec. IV-A).
Ours: a search over the azimuth, and optionally the scale, that is judged by the input view alone.
The views that are scored take no part: they are not among the arguments.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from dd3g_kedro.benchmark.config import AlignmentConfig
from dd3g_kedro.benchmark.truth.views import Sighting
from dd3g_kedro.core.objective.background import composite
from dd3g_kedro.core.rendering.render import render
from dd3g_kedro.core.types import Cameras, Gaussians
from dd3g_kedro.pictures.framing import square

_CANDIDATES = 3  # of the coarse search that are refined: neighbours in error may lie far apart
_TOGETHER = 12  # pictures rendered at once
_SCALES = 5  # of the coarse search, between the two ends
_LARGEST = math.log(1.5)  # natural log of the scale
_TOLERANCE = math.log(1.01)  # to which it is refined
_TIE = 1e-6  # mean squared error worth half a turn or the largest scale: ties stay where they are


@dataclass(frozen=True)
class Alignment:
    """How an object is turned about the vertical axis, anticlockwise from above, and scaled."""

    turn_deg: float  # in (-180, 180]
    scale: float  # about the origin
    error: float  # mean squared error to the input view

    def seeing(self, cameras: Cameras) -> Cameras:
        """Cameras that see the object as it is as `cameras` see it turned and scaled."""
        turn = torch.tensor([math.radians(self.turn_deg)])
        return _moved(cameras, turn, torch.tensor([math.log(self.scale)]))


def align(
    gaussians: Gaussians,
    sighting: Sighting,
    background: Float[Tensor, "3"],
    config: AlignmentConfig,
) -> Alignment:
    """The turn and scale at which the object, over the background, is nearest to its input view.

    A coarse grid all around first; its three best are refined by halving the step. The measure is
    the mean squared error of small pictures. Where everything fits alike, nothing is turned.
    """
    device = gaussians.means.device
    camera = sighting.camera.to(device)
    seen = composite(square(sighting.rgba, config.size), background).to(device)
    behind = background[None].to(gaussians.means)

    def error(places: Float[Tensor, "n 2"]) -> Float[Tensor, " n"]:
        moved = _moved(camera, places[:, 0], places[:, 1])
        cameras = Cameras(
            rearrange(moved.world_to_camera, "n 1 i j -> 1 n i j"),
            rearrange(moved.intrinsics, "n 1 i j -> 1 n i j"),
        )
        images = render(gaussians, cameras, config.size, behind).images[0]
        misfit = (images - seen).square().mean(dim=(1, 2, 3)).cpu().double()
        return misfit + _TIE * (places[:, 0].abs() / math.pi + places[:, 1].abs() / _LARGEST)

    with torch.inference_mode():
        best, misfit = _search(error, config)
    turn = (math.degrees(float(best[0])) + 180) % 360 - 180
    return Alignment(
        turn_deg=180.0 if turn == -180 else turn, scale=math.exp(float(best[1])), error=misfit
    )


def _search(
    error: Callable[[Float[Tensor, "n 2"]], Float[Tensor, " n"]], config: AlignmentConfig
) -> tuple[Float[Tensor, "2"], float]:
    """The place (turn and logarithm of the scale) of the smallest error, and that error."""

    def measured(places: Float[Tensor, "n 2"]) -> Float[Tensor, " n"]:
        return torch.cat([error(part) for part in places.split(_TOGETHER)])

    count = math.ceil(360 / config.step_deg)
    turns = torch.arange(count) * (2 * math.pi / count)
    turns = torch.where(turns > math.pi, turns - 2 * math.pi, turns)
    scales = torch.linspace(-_LARGEST, _LARGEST, _SCALES) if config.scale else torch.zeros(1)
    places = torch.cartesian_prod(turns, scales)
    errors = measured(places)
    chosen = errors.topk(min(_CANDIDATES, len(places)), largest=False).indices
    places, errors = places[chosen], errors[chosen]
    step = torch.tensor([2 * math.pi / count, 2 * _LARGEST / (_SCALES - 1)])
    sideways = torch.tensor([-1.0, 0.0, 1.0])
    directions = torch.cartesian_prod(sideways, sideways if config.scale else torch.zeros(1))
    while step[0] > math.radians(config.tolerance_deg) or (config.scale and step[1] > _TOLERANCE):
        step = step / 2
        around = places[:, None] + directions * step
        around[..., 1] = around[..., 1].clamp(-_LARGEST, _LARGEST)
        errors, best = measured(around.flatten(0, 1)).view(len(places), -1).min(dim=1)
        places = around[torch.arange(len(places)), best]
    winner = int(errors.argmin())
    return places[winner], float(errors[winner])


def _moved(cameras: Cameras, turns: Float[Tensor, " n"], scales: Float[Tensor, " n"]) -> Cameras:
    """For each turn and logarithmic scale, cameras that see the object as if it were so moved.

    x -> R s Q x + t and x -> R Q x + t / s are the same picture.
    """
    like = cameras.world_to_camera
    turn = torch.eye(3).repeat(len(turns), 1, 1).to(like)
    turn[:, 0, 0], turn[:, 0, 1] = turns.cos().to(like), -turns.sin().to(like)
    turn[:, 1, 0], turn[:, 1, 1] = turns.sin().to(like), turns.cos().to(like)
    world_to_camera = like.expand(len(turns), -1, -1, -1).clone()
    world_to_camera[..., :3, :3] = world_to_camera[..., :3, :3] @ turn[:, None]
    world_to_camera[..., :3, 3] *= (-scales).exp().to(like)[:, None, None]
    return Cameras(world_to_camera, cameras.intrinsics.expand(len(turns), -1, -1, -1))
