import json
import math

import pytest
import torch
from safetensors.torch import load_file

from dd3g_kedro.core.geometry import CameraRig, camera_to_world, orbit
from dd3g_kedro.core.teacher.cameras import (
    FRONT_FRAME,
    camera_conditioning,
    conditioning_vectors,
    frame_azimuths,
    released_azimuth,
    world_azimuth,
)
from dd3g_kedro.core.types import Cameras

RIG = CameraRig()


def looking_from(azimuth: torch.Tensor, elevation: float) -> Cameras:
    return orbit(azimuth[None], torch.full_like(azimuth, elevation)[None], RIG)


def test_frames_stand_right_front_left_back():
    position = camera_to_world(looking_from(frame_azimuths(), 0.0))[0, :, :3, 3]
    right, front, left, back = ([0, -1, 0], [1, 0, 0], [0, 1, 0], [-1, 0, 0])
    expected = torch.tensor([right, front, left, back]) * RIG.radius
    torch.testing.assert_close(position, expected, atol=1e-6, rtol=0)
    assert frame_azimuths()[FRONT_FRAME] == 0


def test_released_azimuth_inverts_world_azimuth():
    angles = torch.linspace(-3, 3, 7)
    torch.testing.assert_close(released_azimuth(world_azimuth(angles)), angles)


def test_conditioning_does_not_know_the_distance():
    azimuth = torch.tensor([0.3, 1.9])
    near, far = (
        camera_conditioning(orbit(azimuth[None], torch.zeros(1, 2), CameraRig(radius=radius)))
        for radius in (1.0, 4.0)
    )
    torch.testing.assert_close(near, far)


def test_conditioning_is_the_rigid_frame_that_looks_at_the_origin():
    matrix = camera_conditioning(looking_from(torch.tensor([0.7]), 0.2)).reshape(4, 4)
    rotation, position = matrix[:3, :3], matrix[:3, 3]
    torch.testing.assert_close(rotation.T @ rotation, torch.eye(3), atol=1e-6, rtol=0)
    torch.testing.assert_close(rotation[:, 2], position)  # backward points from the origin to it
    assert rotation[2, 1] > 0  # up is up


@pytest.mark.shared
@pytest.mark.parametrize("index", range(8))
def test_conditioning_equals_get_camera(imagedream, index):
    """Case 7 is the y-up form that the network never sees: ours, turned back into it."""
    call = json.loads((imagedream / "camera/camera.json").read_text())[index]
    released = load_file(imagedream / "camera/camera.safetensors")[f"{index}.bytedance"]
    views, span = call["num_frames"], call["azimuth_span"]
    degrees = call["azimuth_start"] + torch.arange(views, dtype=torch.float64) * span / views
    cameras = looking_from(world_azimuth(degrees.deg2rad()), math.radians(call["elevation"]))
    vectors = camera_conditioning(cameras)[0].float()
    if not call["blender_coord"]:
        matrices = vectors.reshape(-1, 4, 4)
        x, y, z, w = matrices.unbind(1)
        vectors = torch.stack([x, z, -y, w], dim=1).flatten(1)
    torch.testing.assert_close(vectors, released[:views], atol=2e-7, rtol=0)
    if call["extra_view"]:
        assert not released[views:].any()  # the input image's frame


@pytest.mark.shared
def test_frames_equal_get_camera_at_its_defaults(imagedream):
    released = load_file(imagedream / "camera/camera.safetensors")["0.bytedance"]
    ours = camera_conditioning(looking_from(frame_azimuths(), math.radians(5)))[0]
    torch.testing.assert_close(ours, released[:4], atol=3e-7, rtol=0)


@pytest.mark.shared
def test_conditioning_scales_any_matrix_as_released(imagedream):
    tensors = load_file(imagedream / "camera/camera.safetensors")
    vectors = conditioning_vectors(tensors["normalize.in"])
    torch.testing.assert_close(vectors, tensors["normalize.out"], atol=2e-7, rtol=0)
    x, y, z, w = tensors["gl2blender.in"].unbind(1)  # the world map of case 7
    torch.testing.assert_close(torch.stack([x, -z, y, w], dim=1), tensors["gl2blender.out"])


@pytest.mark.shared
def test_orbits_equal_score_distillations(imagedream):
    """threestudio's azimuth is the world's."""
    tensors = load_file(imagedream / "camera/camera.safetensors")
    azimuth = tensors["orbit.azimuth_deg"].double().deg2rad().reshape(4, 4)
    elevation = tensors["orbit.elevation_deg"].double().deg2rad()[:, None].expand(4, 4)
    ours = camera_conditioning(orbit(azimuth, elevation, RIG)).float().flatten(0, 1)
    torch.testing.assert_close(ours, tensors["orbit.cond"], atol=2e-7, rtol=0)
    torch.testing.assert_close(
        conditioning_vectors(tensors["orbit.c2w"]), tensors["orbit.cond"], atol=2e-7, rtol=0
    )
