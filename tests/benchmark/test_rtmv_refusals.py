"""Whatever is wrong with a scene is told by file, before anything is compared."""

from __future__ import annotations

import numpy as np
import pytest
from tests.benchmark.rtmv_scenes import HEIGHT, TARGETS, edit, load, repaint

from dd3g_kedro.core.errors import InvalidImage


@pytest.mark.parametrize(("lost", "left"), [(".exr", ".json"), (".json", ".exr")])
def test_a_frame_without_its_partner_is_named(thing, lost, left):
    (thing / f"00003{lost}").unlink()
    with pytest.raises(InvalidImage, match=rf"00003{lost}: missing beside 00003{left}"):
        load(thing)


def test_too_few_frames_are_told(thing):
    with pytest.raises(InvalidImage, match=r"at least 8 frames.*found 7"):
        load(thing, targets=TARGETS + 1)


CAMERAS = [
    (lambda c: c.clear(), "camera_data.width to be a finite number, found nothing"),
    (lambda c: c.update(width=-3), "camera_data.width to be positive, got -3"),
    (lambda c: c.update(height="tall"), "camera_data.height to be a finite number, found 'tall'"),
    (lambda c: c.update(height=HEIGHT + 1), r"expected 96x73 pixels as 00002\.json .*got 96x72"),
    (lambda c: c.pop("intrinsics"), r"intrinsics\.fx to be a finite number, found nothing"),
    (lambda c: c["intrinsics"].update(fy=0), r"intrinsics\.fy to be positive, got 0"),
    (lambda c: c["intrinsics"].update(cx=float("nan")), r"intrinsics\.cx to be a finite.*nan"),
    (lambda c: c.update(cam2world=[[1, 2], [3, 4]]), r"cam2world to be 4x4 finite numbers, found"),
    (lambda c: c.update(cam2world=np.array(c["cam2world"]).T.tolist()), "written transposed"),
    (lambda c: c.update(cam2world=np.diag([2, 2, 2, 1]).tolist()), "to be a rotation"),
    (lambda c: c.update(cam2world=np.diag([-1, 1, 1, 1]).tolist()), "to be a rotation"),
    (lambda c: c.update(cam2world=np.eye(4).tolist()), "are different cameras"),
    (lambda c: c["camera_look_at"].update(eye=[0, 0, 9]), "are different cameras"),
    (lambda c: c["camera_look_at"].update(up=[0, 0]), r"camera_look_at\.up to be 3 finite"),
    (lambda c: c["camera_look_at"].update(at=c["camera_look_at"]["eye"]), "has no direction"),
    (lambda c: (c.pop("cam2world"), c.pop("camera_look_at")), "found neither"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "reason"), CAMERAS)
def test_wrong_cameras_are_refused_by_file_and_key(thing, change, reason):
    edit(thing / "00002.json", change)
    with pytest.raises(InvalidImage, match=rf"00002\.(json|exr): .*{reason}"):
        load(thing)


@pytest.mark.parametrize("text", ["", "{", "[1, 2]", '{"camera_data": 3}', "\xff", "[" * 100_000])
def test_a_file_that_is_no_camera_is_refused(thing, text):
    (thing / "00001.json").write_text(text, encoding="latin-1")
    with pytest.raises(InvalidImage, match=r"00001\.json: expected"):
        load(thing)


def no_hit(planes):
    planes["depth"].fill(1e10)


PICTURES = [
    (lambda p: p["depth"].__setitem__((3, 4), np.nan), "found 1 NaN and 0"),
    (lambda p: p["depth"].__setitem__((3, 4), -2), "found 0 NaN and 1 that are 0 or less"),
    (lambda p: p["depth"].fill(np.nan), "found 6912 NaN"),
    (lambda p: p["depth"].fill(np.inf), "shows nothing, no pixel's depth is below 1000"),
    (lambda p: p["depth"].fill(-np.inf), "shows nothing"),
    (no_hit, "shows nothing"),
    (lambda p: p["A"].fill(0), "shows nothing, alpha is at most 0.00"),
    (lambda p: p["G"].fill(np.nan), "pixels of the object have NaN colours"),
    (lambda p: p.pop("B"), "expected the channels R, G and B, found .* without B"),
    (lambda p: p.pop("depth"), "expected a channel depth, found .*, and neither 00004.depth.npz"),
    (lambda p: p.update({k: v[:-2] for k, v in p.items()}), "expected 96x72 pixels .*got 96x70"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "reason"), PICTURES)
def test_wrong_pictures_are_refused_by_file(thing, change, reason):
    repaint(thing / "00004", change)
    with pytest.raises(InvalidImage, match=rf"00004\.exr: .*{reason}"):
        load(thing)


def test_damaged_pictures_are_refused(thing):
    path = thing / "00005.exr"
    whole = path.read_bytes()
    for damaged in (
        b"",
        b"<html>not found</html>",
        whole[:50],
        whole[: len(whole) // 2],
        whole[:-9],
    ):
        path.write_bytes(damaged)
        with pytest.raises(InvalidImage, match=r"00005\.exr: cannot be read as OpenEXR"):
            load(thing)


@pytest.mark.parametrize("damaged", [b"", b"PK\x03\x04 and no more", "pickle", "empty"])
def test_damaged_depths_are_refused(thing, damaged):
    path = thing / "00001.depth.npz"
    if damaged == "pickle":
        np.savez(path, np.array([{}], dtype=object))
    elif damaged == "empty":
        np.savez(path)
    else:
        path.write_bytes(damaged)
    with pytest.raises(InvalidImage, match=r"00001\.depth\.npz: expected an array of depths"):
        load(thing)


def test_depth_of_another_size_is_refused(thing):
    np.savez(thing / "00001.depth.npz", np.ones((4, 5, 1)))
    with pytest.raises(
        InvalidImage, match=r"00001\.depth\.npz: expected 96x72 pixels as 00001\.json says, got 5x4"
    ):
        load(thing)


def test_a_gigantic_picture_is_refused_before_it_is_decoded(thing):
    path = thing / "00001.exr"
    content = bytearray(path.read_bytes())
    at = content.index(b"dataWindow\0box2i\0") + len(b"dataWindow\0box2i\0") + 4
    content[at + 8 : at + 16] = np.array([99_999, 99_999], "<i4").tobytes()
    path.write_bytes(content)
    with pytest.raises(InvalidImage, match=r"00001\.exr: gigantic, its data window is"):
        load(thing)
