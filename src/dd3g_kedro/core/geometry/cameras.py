"""Orbit cameras and the Plücker embedding of their rays."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from dd3g_kedro.core.geometry.config import CameraRig
from dd3g_kedro.core.types import Cameras


def orbit(
    azimuth: Float[Tensor, "b v"], elevation: Float[Tensor, "b v"], rig: CameraRig
) -> Cameras:
    """Cameras on a sphere, looking at the origin, up +z. Angles in radians."""
    azimuth, elevation = torch.broadcast_tensors(azimuth, elevation)
    backward = torch.stack(
        [
            elevation.cos() * azimuth.cos(),
            elevation.cos() * azimuth.sin(),
            elevation.sin(),
        ],
        dim=-1,
    )  # from the origin to the camera
    right = torch.stack([-azimuth.sin(), azimuth.cos(), torch.zeros_like(azimuth)], dim=-1)
    up = torch.linalg.cross(backward, right)
    rotation = torch.stack([right, -up, -backward], dim=-2)  # rows: OpenCV camera axes
    world_to_camera = torch.zeros(*azimuth.shape, 4, 4, dtype=azimuth.dtype, device=azimuth.device)
    world_to_camera[..., :3, :3] = rotation
    world_to_camera[..., 2, 3] = rig.radius
    world_to_camera[..., 3, 3] = 1
    focal = 0.5 / math.tan(math.radians(rig.fov_deg) / 2)
    intrinsics = torch.tensor(
        [[focal, 0, 0.5], [0, focal, 0.5], [0, 0, 1]], dtype=azimuth.dtype, device=azimuth.device
    ).expand(*azimuth.shape, 3, 3)
    return Cameras(world_to_camera, intrinsics)


def camera_to_world(cameras: Cameras) -> Float[Tensor, "b v 4 4"]:
    """The rigid inverse; columns are the OpenCV camera axes and the camera's position."""
    rotation = cameras.world_to_camera[..., :3, :3].transpose(-1, -2)
    position = -rotation @ cameras.world_to_camera[..., :3, 3:]
    result = torch.zeros_like(cameras.world_to_camera)
    result[..., :3, :3] = rotation
    result[..., :3, 3:] = position
    result[..., 3, 3] = 1
    return result


def plucker_rays(
    cameras: Cameras, height: int, width: int
) -> Float[Tensor, "b v 6 {height} {width}"]:
    """Plücker embedding of C: unit direction d and moment o x d of each cell's ray (Sec. III-B)."""
    like = cameras.intrinsics
    y = (torch.arange(height, dtype=like.dtype, device=like.device) + 0.5) / height
    x = (torch.arange(width, dtype=like.dtype, device=like.device) + 0.5) / width
    grid = torch.stack(
        [*torch.meshgrid(x, y, indexing="xy"), torch.ones(1).to(like).expand(height, width)]
    )
    local = torch.einsum("bvij,jyx->bviyx", torch.linalg.inv(cameras.intrinsics), grid)
    pose = camera_to_world(cameras)
    direction = torch.einsum("bvij,bvjyx->bviyx", pose[..., :3, :3], local)
    direction = direction / direction.norm(dim=2, keepdim=True)
    origin = pose[..., :3, 3][..., None, None].expand_as(direction)
    return torch.cat([direction, torch.linalg.cross(origin, direction, dim=2)], dim=2)
