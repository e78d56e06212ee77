"""Pictures without ground truth: framed as the student sees them, with a ring of cameras."""

from __future__ import annotations

import pytest
import torch
from PIL import Image
from tests.known_objects import SIZE, drawing, png

from dd3g_kedro.benchmark.truth.image_folder import image_objects
from dd3g_kedro.benchmark.truth.views import ring
from dd3g_kedro.core.errors import InvalidImage
from dd3g_kedro.core.geometry import CameraRig
from dd3g_kedro.objects.config import BenchmarkViews
from dd3g_kedro.pictures.config import Framing
from dd3g_kedro.pictures.framing import frame, well_framed

RIG = CameraRig(radius=2.0, fov_deg=40.0)
VIEWS = BenchmarkViews(azimuths_deg=(0.0, 120.0, -120.0), elevation_deg=15.0)


def objects(folder, size=SIZE):
    return image_objects(folder, size, RIG, VIEWS)


@pytest.fixture
def pictures(tmp_path):
    """Two good pictures, one of them wide and off the centre, and an opaque one."""
    (tmp_path / "b.png").write_bytes(png(drawing(1)))
    wide = torch.zeros(4, 60, 100)
    wide[:, 5:25, 70:95] = 1
    (tmp_path / "a.png").write_bytes(png(wide))
    Image.new("RGB", (40, 40), "red").save(tmp_path / "c.jpg")
    (tmp_path / "sources.csv").write_text("file,name\na.png,a\n")
    (tmp_path / ".hidden.png").write_bytes(b"")
    return tmp_path


def test_pictures_are_objects_by_name_without_a_truth(pictures):
    handles = objects(pictures)
    assert [handle.name for handle in handles] == ["a", "b", "c"]
    for handle in handles[:2]:
        found = handle.load()
        assert found.targets is None
        assert found.sighting.rgba.shape == (4, SIZE, SIZE)


def test_the_cameras_are_the_ring_and_the_picture_is_its_front(pictures):
    found = objects(pictures)[0].load()
    expected = ring([0.0, 120.0, 240.0], [15.0] * 3, RIG)
    torch.testing.assert_close(found.cameras.world_to_camera, expected.world_to_camera)
    torch.testing.assert_close(found.cameras.intrinsics, expected.intrinsics)
    assert found.azimuths_deg == (0, 120, 240)
    assert found.elevations_deg == (15, 15, 15)
    assert found.novel == (False, True, True)


def test_a_picture_is_framed_as_generate_frames_it(pictures):
    off_centre, fitting = (handle.load().sighting.rgba for handle in objects(pictures)[:2])
    assert well_framed(off_centre, Framing())
    torch.testing.assert_close(fitting, (drawing(1) * 255).round() / 255)
    larger = objects(pictures, 2 * SIZE)[1].load().sighting.rgba
    torch.testing.assert_close(larger, frame((drawing(1) * 255).round() / 255, 2 * SIZE, Framing()))


def test_a_picture_that_cannot_be_used_fails_when_its_turn_comes(pictures):
    with pytest.raises(InvalidImage, match=r"c\.jpg: opaque"):
        objects(pictures)[2].load()
    (pictures / "a.png").write_bytes(png(drawing())[:100])
    with pytest.raises(InvalidImage, match=r"a\.png: "):
        objects(pictures)[0].load()


def test_pictures_of_one_name_keep_their_suffix(pictures):
    Image.open(pictures / "a.png").save(pictures / "a.webp", lossless=True)
    assert [handle.name for handle in objects(pictures)] == ["a.png", "a.webp", "b", "c"]


def test_a_folder_without_pictures_is_told_at_once(tmp_path):
    (tmp_path / "notes.txt").write_text("none")
    with pytest.raises(InvalidImage, match=r"a folder of pictures .*none among its 1 entries"):
        objects(tmp_path)
    with pytest.raises(InvalidImage, match="found no such folder"):
        objects(tmp_path / "gone")
