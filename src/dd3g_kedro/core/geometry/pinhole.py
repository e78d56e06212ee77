"""Between a camera's picture and the world: unprojection of cells, projection of points."""

from __future__ import annotations

import math

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from dd3g_kedro.core.geometry.cameras import camera_to_world, orbit
from dd3g_kedro.core.geometry.config import CameraRig
from dd3g_kedro.core.types import Cameras


def front_camera(elevation_deg: float, rig: CameraRig) -> Cameras:
    """One camera at azimuth 0; in float32 on the CPU."""
    elevation = torch.full((1, 1), math.radians(elevation_deg), device="cpu")
    return orbit(torch.zeros_like(elevation), elevation, rig)


def cell_rays(camera: Cameras, size: int) -> Float[Tensor, "g 3"]:
    """Where the rays of `size` x `size` cell centres reach depth 1, in camera axes; row by row."""
    centres = (torch.arange(size).to(camera.intrinsics) + 0.5) / size
    x, y = torch.meshgrid(centres, centres, indexing="xy")
    cells = torch.stack([x, y, torch.ones_like(x)], dim=-1)
    local = cells @ torch.linalg.inv(camera.intrinsics[0, 0]).T
    return rearrange(local, "y x c -> (y x) c")


def to_world(points: Float[Tensor, "b g 3"], camera: Cameras) -> Float[Tensor, "b g 3"]:
    """From the camera's axes to the world frame."""
    placed = camera_to_world(camera)[0, 0]
    return points @ placed[:3, :3].T + placed[:3, 3]


def to_picture(points: Float[Tensor, "b g 3"], camera: Cameras) -> Float[Tensor, "b g 2"]:
    """Where the camera sees points of the world that lie before it: (x, y) in picture sizes."""
    world_to_camera = camera.world_to_camera[0, 0]
    local = points @ world_to_camera[:3, :3].T + world_to_camera[:3, 3]
    seen = local @ camera.intrinsics[0, 0].T
    return seen[..., :2] / seen[..., 2:]
