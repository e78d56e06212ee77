"""What the teacher is told of a camera, and where its frames stand: their only home.

ImageDream numbers its frames by an azimuth a that is 90 degrees ahead of the world's p: frame k of
n stands at a = 360 k / n, so p = 360 k / n - 90. With four frames, frame 1 is the front (p = 0),
frame 0 the object's right-hand side, frame 2 its left-hand side and frame 3 the back.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from dd3g_kedro.core.geometry import camera_to_world
from dd3g_kedro.core.types import Cameras

FRONT_FRAME = 1  # of four
_FRONT_OFFSET = math.pi / 2  # ImageDream's azimuth of the world's front
_TINY = 1e-8  # as released, keeps a camera in the origin finite


def world_azimuth(released: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
    """The world's azimuth of ImageDream's azimuth, radians."""
    return released - _FRONT_OFFSET


def released_azimuth(world: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
    """ImageDream's azimuth of the world's azimuth, radians."""
    return world + _FRONT_OFFSET


def frame_azimuths(views: int = 4, start: float = 0.0) -> Float[Tensor, " {views}"]:
    """World azimuths of the frames that the teacher was trained on, in radians.

    Args:
        views: of one object, the input image's frame not counted; evenly spaced.
        start: ImageDream's azimuth of frame 0, radians; 0 as released.
    """
    spacing = torch.arange(views, dtype=torch.float64) * (2 * math.pi / views)
    return world_azimuth(spacing + start).float()


def conditioning_vectors(
    camera_to_world_opengl: Float[Tensor, "*n 4 4"],
) -> Float[Tensor, "*n 16"]:
    """Camera-to-world matrices (OpenGL axes: right, up, backward), row by row.

    The position is scaled to length 1: the teacher knows neither distance nor field of view.
    """
    matrices = camera_to_world_opengl.clone()
    position = matrices[..., :3, 3]
    matrices[..., :3, 3] = position / (position.norm(dim=-1, keepdim=True) + _TINY)
    return matrices.flatten(-2)


def rays_of_vectors(
    vectors: Float[Tensor, "n 16"], fov_deg: float, side: int
) -> Float[Tensor, "n 6 {side} {side}"]:
    """Ours: direction d and moment o x d of each cell's ray, for cameras as the teacher knows them.

    Where there is no camera (all zeros: the input image's frame) the rays are zeros.
    """
    edge = math.tan(math.radians(fov_deg) / 2)
    centres = ((torch.arange(side, device=vectors.device) + 0.5) * (2 / side) - 1) * edge
    y, x = torch.meshgrid(-centres, centres, indexing="ij")
    local = F.normalize(torch.stack([x, y, -torch.ones_like(x)]), dim=0)  # OpenGL
    pose = vectors.float().unflatten(-1, (4, 4))
    # not einsum, which autocast would round
    direction = (pose[:, :3, :3, None, None] * local).sum(dim=2)
    origin = pose[:, :3, 3, None, None].expand_as(direction)
    return torch.cat([direction, torch.linalg.cross(origin, direction, dim=1)], dim=1)


def camera_conditioning(cameras: Cameras) -> Float[Tensor, "b v 16"]:
    """The vectors that the teacher's camera MLP takes for C."""
    flip = torch.tensor([1.0, -1.0, -1.0, 1.0]).to(cameras.world_to_camera)  # OpenCV to OpenGL
    return conditioning_vectors(camera_to_world(cameras) * flip)
