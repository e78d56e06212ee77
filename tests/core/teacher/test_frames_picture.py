"""The four frames drawn: `docs/teacher_frames.png` is what this test draws.

A box with a red front and nose, a green left-hand side (+y), a blue back and a yellow right-hand
side (-y), seen by frames 0 to 3 from left to right. To draw it anew, remove the file and run this.
"""

import numpy as np
import pytest
import torch
import trimesh
from einops import rearrange
from PIL import Image

from dd3g_kedro.core.geometry import CameraRig, orbit
from dd3g_kedro.core.objective.background import composite
from dd3g_kedro.core.teacher.cameras import frame_azimuths
from dd3g_kedro.objects.config import UNLIT
from dd3g_kedro.objects.drawing import draw_mesh
from dd3g_kedro.objects.mesh import Mesh
from dd3g_kedro.objects.textures import stack_textures

SIDES = {  # outward normal in the world: colour
    (1, 0, 0): (0.8, 0.1, 0.1),  # front
    (0, 1, 0): (0.1, 0.6, 0.2),
    (-1, 0, 0): (0.1, 0.2, 0.8),
    (0, -1, 0): (0.9, 0.8, 0.1),
}
TOP = (0.6, 0.6, 0.6)


@pytest.fixture
def box() -> Mesh:
    body = trimesh.creation.box((0.6, 0.6, 0.6))
    nose = trimesh.creation.box((0.2, 0.2, 0.2)).apply_translation((0.4, 0, -0.1))
    normals = np.concatenate([body.face_normals, nose.face_normals])
    colors = [SIDES.get(tuple(normal.round().astype(int)), TOP) for normal in body.face_normals]
    colors += [SIDES[1, 0, 0]] * len(nose.faces)
    positions = np.concatenate([body.triangles, nose.triangles]).astype(np.float32)
    corners = (1, 3, 1)
    return Mesh(
        positions=positions,
        normals=np.tile(normals[:, None].astype(np.float32), corners),
        colors=np.tile(np.float32(colors)[:, None], corners),
        uvs=np.zeros((len(positions), 3, 2), np.float32),
        texture=np.full(len(positions), -1, np.int32),
        textures=stack_textures([]),
    )


def test_frames_show_right_front_left_and_back(box, project):
    azimuth = frame_azimuths()[None]
    elevation = torch.full_like(azimuth, np.deg2rad(5))
    rgba = draw_mesh(box, orbit(azimuth, elevation, CameraRig()), 96, UNLIT)
    right, front, left, back = rgba[:, :3, 40, 42]  # above the nose
    for seen, normal in ((right, (0, -1, 0)), (front, (1, 0, 0)), (left, (0, 1, 0))):
        torch.testing.assert_close(seen, torch.tensor(SIDES[normal]), atol=0.01, rtol=0)
    torch.testing.assert_close(back, torch.tensor(SIDES[-1, 0, 0]), atol=0.01, rtol=0)
    red = (rgba[:, 0] > 0.7) & (rgba[:, 1] < 0.2)
    assert red[0, :, 60:].any()  # from its right-hand side, the object looks to the right ...
    assert red[2, :, :36].any()  # ... and from its left-hand side to the left

    picture = composite(rgba, torch.ones(4, 3))
    drawn = (rearrange(picture, "v c h w -> h (v w) c") * 255).round().to(torch.uint8).numpy()
    path = project / "docs" / "teacher_frames.png"
    if not path.is_file():
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(drawn).save(path)
    difference = np.asarray(Image.open(path)).astype(float) - drawn
    assert np.abs(difference).mean() < 1
