"""True views as batches: which picture stands where, and that it depends on (seed, step) alone."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.core.training.test_distil import ENCODER_FEATURES, OBJECTIVE, OPTIMIZATION, Reports
from tests.fakes import SIZE, tiny_student, tiny_student_config, tiny_teacher

from dd3g_kedro.core.errors import DD3GError
from dd3g_kedro.core.geometry.cameras import orbit
from dd3g_kedro.core.geometry.config import CameraRig
from dd3g_kedro.core.kept import write_manifest
from dd3g_kedro.factory.distillation import distil_on_all_devices
from dd3g_kedro.mini_teacher.config import ViewAugmentation, ViewRendering
from dd3g_kedro.mini_teacher.drawing import views_setting
from dd3g_kedro.mini_teacher.true_views import TrueViews
from dd3g_kedro.mini_teacher.views import ViewsFolder

STUDENT = tiny_student_config()
AZIMUTHS = 8
PLAIN = ViewAugmentation(mirror=0.0, recolour=0.0, turned_views=1.0, other_ring=1.0, white=1.0)
ALWAYS_MIRRORED = replace(PLAIN, mirror=1.0)


def coloured(objects: int, elevation_deg: float = 5.0) -> list[tuple[np.ndarray, np.ndarray]]:
    """Views that say what they show: red the azimuth, green the ring, blue the object.

    The ring of 5 degrees is the second one; the left half of each picture is transparent.
    """
    drawn = []
    for number in range(objects):
        rgba = np.full((3, AZIMUTHS, 4, SIZE, SIZE), 255, np.uint8)
        rgba[:, :, 0] = (np.arange(AZIMUTHS) * 30)[:, None, None]
        rgba[:, :, 1] = (np.arange(3) * 100)[:, None, None, None]
        rgba[:, :, 2] = number * 50
        rgba[..., 3, :, : SIZE // 2] = 0
        rings = np.radians([12.0 + number, elevation_deg, 20.0 + number]).astype(np.float32)
        drawn.append((rgba, rings))
    return drawn


def written(folder: Path, drawn: list[tuple[np.ndarray, np.ndarray]]) -> ViewsFolder:
    folder.mkdir(parents=True, exist_ok=True)
    for number, (rgba, rings) in enumerate(drawn):
        np.savez(folder / f"{number:016x}.npz", rgba=rgba, elevations=rings)
    setting = views_setting(ViewRendering(size=SIZE), CameraRig())
    views = sorted(path.name for path in folder.glob("*.npz"))
    write_manifest(folder, {"identity": setting.document(), "views": views})
    return ViewsFolder(folder)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> ViewsFolder:
    return written(tmp_path_factory.mktemp("views") / "drawn", coloured(4))


def shown(pictures: torch.Tensor, side: int) -> tuple[torch.Tensor, ...]:
    """Azimuth, ring and object of each picture, read from one column of it."""
    red, green, blue = (pictures[..., c, 0, side] * 255 for c in range(3))
    return (red / 30).round().int(), (green / 100).round().int(), (blue / 50).round().int()


@pytest.mark.parametrize(("how", "sign"), [(PLAIN, 1), (ALWAYS_MIRRORED, -1)])
def test_each_view_is_the_drawn_one_at_the_azimuth_that_its_camera_names(folder, how, sign):
    batch = TrueViews(folder, how, STUDENT).at_step(3, 32, 1)
    opaque = -1 if sign > 0 else 0  # a mirrored picture has its opaque half on the left
    front, ring, body = shown(batch.quadruples.input_image, opaque)
    assert len(set(front.tolist())) > 4  # any azimuth may be the front
    assert set(ring.tolist()) == {1}  # the one that stands at the student's elevation
    azimuth, rings, bodies = shown(batch.quadruples.output_images, opaque)
    quarter = AZIMUTHS // 4
    offsets = torch.tensor([-quarter, 0, quarter, 2 * quarter])
    assert torch.equal(azimuth, (front[:, None] + sign * offsets) % AZIMUTHS)
    assert set(rings.flatten().tolist()) == {1}
    assert torch.equal(bodies, body[:, None].expand(-1, 4))
    angles = torch.tensor(STUDENT.azimuths_deg).deg2rad().expand(32, -1)
    elevation = torch.full_like(angles, math.radians(5))
    cameras = orbit(angles, elevation, STUDENT.rig)
    torch.testing.assert_close(batch.quadruples.cameras.world_to_camera, cameras.world_to_camera)


def test_all_pictures_of_an_object_stand_over_one_grey_that_is_not_always_white(folder):
    batch = TrueViews(folder, PLAIN, STUDENT).at_step(0, 32, 0)
    q = batch.quadruples
    assert (batch.input_rgba[:, 3, :, 0] == 0).all()
    torch.testing.assert_close(q.input_image[:, :, 0, 0], q.background)
    torch.testing.assert_close(q.output_images[..., 0, 0], q.background[:, None].expand(-1, 4, -1))
    assert len(q.background[:, 0].unique()) == 32


def test_the_same_step_gives_the_same_batch_and_another_step_another(folder):
    how = ViewAugmentation()
    first = TrueViews(folder, how, STUDENT).at_step(7, 4, 2)
    served = TrueViews(folder, how, STUDENT)
    served.at_step(0, 4, 2)  # what was asked for before does not matter
    again, later = served.at_step(7, 4, 2), served.at_step(8, 4, 2)
    for name in ("noise", "input_image", "output_images", "background"):
        here, there = getattr(first.quadruples, name), getattr(again.quadruples, name)
        assert torch.equal(here, there), name
        assert not torch.equal(here, getattr(later.quadruples, name)), name
    assert torch.equal(first.input_rgba, again.input_rgba)


def test_the_noise_is_normal_and_its_own(folder):
    noise = TrueViews(folder, PLAIN, STUDENT).at_step(0, 32, 0).quadruples.noise
    assert noise.shape == (32, 4, STUDENT.latent_channels, 8, 8)
    assert float(noise.mean()) == pytest.approx(0, abs=0.02)
    assert float(noise.std()) == pytest.approx(1, abs=0.02)
    assert torch.corrcoef(noise[:8].flatten(1)).triu(1).abs().max() < 0.2


def test_the_shares_of_two_processes_are_the_whole_batch(folder, monkeypatch):
    served = TrueViews(folder, ViewAugmentation(), STUDENT)
    whole = served.at_step(5, 6, 0)
    monkeypatch.setenv("WORLD_SIZE", "2")
    for process in (0, 1):
        monkeypatch.setenv("RANK", str(process))
        share = served.at_step(5, 6, 0)
        assert torch.equal(share.quadruples.noise, whole.quadruples.noise[process::2])
        assert torch.equal(share.input_rgba, whole.input_rgba[process::2])
        views = whole.quadruples.output_images[process::2]
        assert torch.equal(share.quadruples.output_images, views)


def test_how_many_there_are_and_what_tells_them_apart(folder, tmp_path):
    served = TrueViews(folder, PLAIN, STUDENT)
    assert len(served) == 4 * AZIMUTHS
    fixed = TrueViews(folder, replace(PLAIN, any_front=False), STUDENT)
    assert len(fixed) == 4
    other = TrueViews(written(tmp_path, coloured(3)), PLAIN, STUDENT)
    mirrored = TrueViews(folder, ALWAYS_MIRRORED, STUDENT)
    assert len({one.fingerprint for one in (served, fixed, other, mirrored)}) == 4
    assert served.fingerprint == TrueViews(folder, PLAIN, STUDENT).fingerprint


def test_a_ring_that_is_at_the_elevation_for_some_objects_only_is_not_used(tmp_path):
    drawn = coloured(2)
    drawn[0][1][0] = math.radians(5)  # by chance, in a ring that is drawn from a range
    batch = TrueViews(written(tmp_path, drawn), PLAIN, STUDENT).at_step(0, 16, 0)
    assert set(shown(batch.quadruples.input_image, -1)[1].tolist()) == {1}


def test_views_without_the_students_elevation_are_refused(tmp_path):
    message = r"drawn: expected a ring of views at 5 degrees for every object.*--nodes=draw_train"
    drawn = coloured(3, elevation_deg=6)
    with pytest.raises(DD3GError, match=message):
        TrueViews(written(tmp_path / "drawn", drawn), PLAIN, STUDENT)
    drawn[:2] = coloured(2)  # one of other settings is left in the folder
    with pytest.raises(DD3GError, match=message):
        TrueViews(written(tmp_path / "mixed_drawn", drawn), PLAIN, STUDENT)


def test_a_student_of_other_pictures_or_cameras_is_refused(folder):
    sides = replace(STUDENT, azimuths_deg=(0.0, 90.0, 180.0, 270.0))
    with pytest.raises(ValueError, match=r"student\.azimuths_deg must be \[-90.*got \[0\.0, 90"):
        TrueViews(folder, PLAIN, sides)
    small = replace(STUDENT, image_size=32)
    with pytest.raises(ValueError, match=r"expected views of 32 pixels.*found 16"):
        TrueViews(folder, PLAIN, small)


def test_a_student_learns_from_true_views(folder, tmp_path):
    how = replace(OPTIMIZATION, steps=40, batch_size=4, learning_rate=5e-3)
    only_explicit = replace(OBJECTIVE, weight_cap=0.0, opacity_weight=0.0)
    batches, reports = TrueViews(folder, PLAIN, STUDENT), Reports()
    distil_on_all_devices(
        *(tiny_student(), tiny_teacher(), batches, only_explicit, ENCODER_FEATURES, how),
        *(tmp_path / "true", reports),
    )
    early, late = ([reports.metrics[i]["mse"] for i in part] for part in (range(4), range(36, 40)))
    assert sum(late) < 0.7 * sum(early)
    # input, four true views and four of the student, for six inputs
    assert reports.pictures[0, "input_teacher_student"] == (9 * 128, 6 * 128)
