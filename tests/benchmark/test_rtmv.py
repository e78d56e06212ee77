"""RTMV scenes come with the cameras that took them, or with a reason why not."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation
from tests.benchmark.rtmv_scenes import (
    AZIMUTHS,
    BOXES,
    DISTANCE,
    ELEVATIONS,
    HEIGHT,
    TARGETS,
    WIDTH,
    Scene,
    edit,
    load,
    repaint,
    write_scene,
)

from dd3g_kedro.benchmark.truth.rtmv import rtmv_objects
from dd3g_kedro.core.errors import InvalidImage
from dd3g_kedro.core.geometry import camera_to_world
from dd3g_kedro.objects.color import srgb_from_linear
from dd3g_kedro.objects.config import UNLIT
from dd3g_kedro.objects.drawing import draw_mesh
from dd3g_kedro.objects.mesh import Mesh
from dd3g_kedro.objects.textures import stack_textures


def known_mesh(scene: Scene) -> Mesh:
    """The object in our world, by arithmetic: centred, longest side 1, input at azimuth 0."""
    centre, side = scene.box
    turn = Rotation.from_euler("z", -AZIMUTHS[0] - scene.yaw_deg, degrees=True).as_matrix()
    positions = ((scene.triangles - centre) / side @ turn.T).astype(np.float32)
    count = len(positions)
    return Mesh(
        positions=positions,
        normals=np.zeros((count, 3, 3), np.float32) + np.float32([0, 0, 1]),
        colors=np.float32(srgb_from_linear(scene.colors))[:, None].repeat(3, axis=1),
        uvs=np.zeros((count, 3, 2), np.float32),
        texture=np.full(count, -1, np.int32),
        textures=stack_textures([]),
    )


def inside_padding(views: torch.Tensor) -> torch.Tensor:
    top = (WIDTH - HEIGHT) // 2
    return views[..., top : top + HEIGHT, :]


def test_the_known_object_drawn_through_the_loaded_cameras_is_what_the_frames_show(traced_scene):
    truth = load(traced_scene)
    mesh = known_mesh(Scene())
    pairs = [(truth.sighting.rgba[None], truth.sighting.camera), (truth.targets, truth.cameras)]
    for pictures, cameras in pairs:
        drawn = inside_padding(draw_mesh(mesh, cameras, WIDTH, UNLIT, supersample=3))
        for expected, found in zip(inside_padding(pictures), drawn, strict=True):
            here, there = expected[3] > 0.5, found[3] > 0.5
            assert (here & there).sum() / (here | there).sum() > 0.98
            far = (expected[:3] - found[:3]).abs().amax(dim=0)[here & there] > 0.02
            assert far.float().mean() < 0.08  # only along inner edges


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_mirrored_object_would_not_pass(traced_scene, axis):
    """The comparison above can tell each axis from its opposite."""
    truth, mesh = load(traced_scene), known_mesh(Scene())
    mesh.positions[..., axis] *= -1
    drawn = inside_padding(draw_mesh(mesh, truth.cameras, WIDTH, UNLIT, supersample=1))[:, 3] > 0.5
    seen = inside_padding(truth.targets)[:, 3] > 0.5
    shared = (drawn & seen).sum(dim=(1, 2)) / (drawn | seen).sum(dim=(1, 2))
    assert shared.min() < 0.8


def test_angles_and_distances_are_those_of_the_cameras(traced_scene):
    truth = load(traced_scene)
    expected = [(azimuth - AZIMUTHS[0]) % 360 for azimuth in AZIMUTHS[1:]]
    assert truth.azimuths_deg == pytest.approx(expected, abs=0.5)
    assert truth.elevations_deg == pytest.approx(ELEVATIONS[1:], abs=0.5)
    front = camera_to_world(truth.sighting.camera)[0, 0, :3, 3]
    assert front[0] > 0
    assert float(front[1]) == pytest.approx(0, abs=1e-5)
    positions = camera_to_world(truth.cameras)[0, :, :3, 3]
    assert positions.norm(dim=-1).tolist() == pytest.approx([DISTANCE] * TARGETS, rel=0.02)
    assert all(truth.novel)


def test_turning_moving_and_scaling_the_scene_changes_nothing(traced_scene, tmp_path):
    moved = Scene(offset=(-40.0, 13.0, 0.2), scale=0.21, yaw_deg=90.0)
    first, second = load(traced_scene), load(write_scene(tmp_path / "moved", moved))
    for one, other in ((first.sighting.camera, second.sighting.camera),
                       (first.cameras, second.cameras)):  # fmt: skip
        torch.testing.assert_close(one.world_to_camera, other.world_to_camera, rtol=0, atol=2e-3)
        torch.testing.assert_close(one.intrinsics, other.intrinsics)
    assert (first.targets - second.targets).abs().gt(0.01).float().mean() < 1e-3


@pytest.mark.parametrize("place", ["exr", "npz"])
def test_depth_may_lie_beside_the_picture(traced_scene, tmp_path, place):
    first, second = load(traced_scene), load(write_scene(tmp_path / "other", Scene(), place))
    torch.testing.assert_close(first.targets, second.targets)
    torch.testing.assert_close(first.cameras.world_to_camera, second.cameras.world_to_camera)


@pytest.mark.parametrize("gone", ["cam2world", "camera_look_at"])
def test_either_form_of_the_camera_is_enough(thing, traced_scene, gone):
    for path in thing.glob("*.json"):
        edit(path, lambda camera: camera.pop(gone))
    found, expected = load(thing).cameras, load(traced_scene).cameras
    torch.testing.assert_close(found.world_to_camera, expected.world_to_camera, rtol=0, atol=1e-5)


def test_the_principal_point_is_the_middle_where_it_is_not_stated(thing):
    for path in thing.glob("*.json"):
        edit(path, lambda camera: [camera["intrinsics"].pop(key) for key in ("cx", "cy")])
    assert load(thing).cameras.intrinsics[0, 0, :2, 2].tolist() == [0.5, 0.5]


def test_srgb_in_closed_form():
    linear = np.array([0.0, 0.002, 0.0031308, 0.2140411, 0.5, 1.0])
    expected = [0.0, 0.02584, 0.0404500, 0.5, 0.7353570, 1.0]
    np.testing.assert_allclose(srgb_from_linear(linear), expected, atol=2e-6)


def test_colours_are_display_values_and_highlights_are_clipped(thing):
    expected = srgb_from_linear(np.array(BOXES[0][2]))
    rgba = load(thing).sighting.rgba
    near = (rgba[:3] - torch.from_numpy(expected).float()[:, None, None]).abs().amax(dim=0) < 1e-4
    assert (near & (rgba[3] == 1)).sum() > 200
    repaint(thing / "00000", lambda planes: planes["R"].fill(7.0))
    rgba = load(thing).sighting.rgba
    assert rgba[0][rgba[3] == 1].min() == pytest.approx(1, abs=1e-5)


def test_shrinking_keeps_coverage_and_draws_no_dark_or_bright_rim(thing):
    def one_colour(planes):
        for name in "RGB":
            planes[name][planes["A"] > 0] = 0.2140411

    repaint(thing / "00000", one_colour)  # fmt: skip
    whole, small = (load(thing, size).sighting.rgba for size in (WIDTH, 24))
    assert float(small[3].mean()) == pytest.approx(float(whole[3].mean()), rel=0.02)
    torch.testing.assert_close(
        small[:3, small[3] > 0.01], torch.full((3, int((small[3] > 0.01).sum())), 0.5),
        rtol=0, atol=1e-3,
    )  # fmt: skip
    assert ((small[3] > 0.05) & (small[3] < 0.95)).any()


def test_targets_are_spread_over_the_frames(traced_scene):
    chosen, every = load(traced_scene, targets=3), load(traced_scene)
    torch.testing.assert_close(chosen.targets, every.targets[[0, 2, 4]])


def test_a_list_keeps_its_order_and_all_means_all_by_name(thing):
    shutil.copytree(thing, thing.with_name("a_thing"))
    thing.with_name("notes").mkdir()
    handles = rtmv_objects(thing.parent, None, WIDTH, 2)
    assert [handle.name for handle in handles] == ["a_thing", "thing"]
    handles = rtmv_objects(thing.parent, ["thing", "gone", "notes"], WIDTH, 2)
    assert [handle.name for handle in handles] == ["thing", "gone", "notes"]
    for handle in handles[1:]:
        with pytest.raises(InvalidImage, match=rf"{handle.name}: expected a folder with an RTMV"):
            handle.load()


def test_a_folder_without_scenes_is_told_at_once(thing, tmp_path):
    for folder, reason in (
        (tmp_path / "gone", "no such folder"),
        (tmp_path, "found none"),
        (thing, "found one scene: name the folder that it lies in"),
    ):
        with pytest.raises(InvalidImage, match=rf"{folder}: expected folders of RTMV.*{reason}"):
            rtmv_objects(folder, None, WIDTH, 2)


def test_infinite_depth_is_sky(thing, traced_scene):
    for number in range(len(AZIMUTHS)):
        repaint(thing / f"{number:05d}",
                lambda p: p["depth"].__setitem__(p["depth"] > 1000, np.inf))  # fmt: skip
    torch.testing.assert_close(load(thing).targets, load(traced_scene).targets)


def test_a_picture_without_alpha_has_that_of_depth(thing, traced_scene):
    for number in range(len(AZIMUTHS)):
        repaint(thing / f"{number:05d}", lambda planes: planes.pop("A"))
    torch.testing.assert_close(load(thing).targets, load(traced_scene).targets)
