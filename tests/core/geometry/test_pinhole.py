from __future__ import annotations

import math

import pytest
import torch

from dd3g_kedro.core.geometry.config import CameraRig
from dd3g_kedro.core.geometry.pinhole import cell_rays, front_camera, to_picture, to_world

RIG = CameraRig(radius=1.5, fov_deg=49.1)


@pytest.mark.parametrize("elevation", [-30.0, 0.0, 5.0, 60.0])
def test_what_a_cell_is_unprojected_to_projects_to_its_centre(elevation):
    camera, size = front_camera(elevation, RIG), 8
    torch.manual_seed(0)
    depths = 0.5 + 2 * torch.rand(2, size * size, 1)
    points = to_world(cell_rays(camera, size) * depths, camera)
    rows = (torch.arange(size) + 0.5) / size
    expected = torch.stack([rows.repeat(size), rows.repeat_interleave(size)], dim=-1)  # (x, y)
    torch.testing.assert_close(to_picture(points, camera), expected.expand(2, -1, -1))


def test_the_front_camera_stands_before_the_object_and_its_picture_is_not_mirrored():
    camera = front_camera(0.0, RIG)
    home = torch.zeros(1, 1, 3)
    torch.testing.assert_close(to_world(home, camera), torch.tensor([[[1.5, 0.0, 0.0]]]))
    points = torch.tensor([[[0, 0, 0], [0, 0.2, 0], [0, 0, 0.2]]])  # centre, its left (+y), above
    (middle, left, above) = to_picture(points, camera)[0]
    shift = 0.2 / 1.5 * 0.5 / math.tan(math.radians(49.1 / 2))
    torch.testing.assert_close(middle, torch.tensor([0.5, 0.5]))
    torch.testing.assert_close(left, torch.tensor([0.5 + shift, 0.5]))  # its left is our right
    torch.testing.assert_close(above, torch.tensor([0.5, 0.5 - shift]))


def test_an_elevated_camera_stands_higher():
    position = to_world(torch.zeros(1, 1, 3), front_camera(30.0, RIG))[0, 0]
    torch.testing.assert_close(position, torch.tensor([1.5 * math.sqrt(3) / 2, 0.0, 0.75]))
