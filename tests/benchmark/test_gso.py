"""Scans in the Gazebo Fuel layout: the right side up and forward, or a reason why not."""

from __future__ import annotations

import shutil
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from dd3g_kedro.benchmark.truth.gso import gso_objects
from dd3g_kedro.core.errors import InvalidMesh
from dd3g_kedro.core.geometry import CameraRig
from dd3g_kedro.objects.config import UNLIT, BenchmarkViews, Drawing

DRAWING = Drawing(size=48, lighting=UNLIT, rig=CameraRig())
VIEWS = BenchmarkViews(azimuths_deg=(0.0, 90.0, 180.0, 270.0), elevation_deg=0.0)
# a box, longer along x than y, flat along z: the sides of GSO's axes and their colours
SIDES = {"-y": (255, 0, 0), "+x": (0, 255, 0), "+y": (0, 0, 255), "-x": (255, 255, 0)}
TOP = (255, 0, 255)
HALF = np.array([0.3, 0.2, 0.1])


def write_scan(folder: Path, texture: str = "materials/textures") -> Path:
    """A box whose texture's columns are its four sides and its top; the bottom is open."""
    corners = [(-1, -1), (1, -1), (1, 1), (-1, 1)]
    quads = []
    for name in SIDES:
        axis, sign = "xy".index(name[1]), -1 if name[0] == "-" else 1
        quads.append([(sign, s, z) if axis == 0 else (s, sign, z) for s, z in corners])
    quads.append([(x, y, 1) for x, y in corners])
    lines, columns = ["mtllib model.mtl", "usemtl material_0"], [*SIDES.values(), TOP]
    for column, quad in enumerate(quads):
        lines += ["v " + " ".join(f"{value:.6f}" for value in point * HALF) for point in quad]
        lines += [f"vt {(column + 0.5) / len(columns):.6f} 0.5"] * 4
        lines += ["f " + " ".join(f"{4 * column + k}/{4 * column + k}" for k in range(1, 5))]
    (folder / "meshes").mkdir(parents=True)
    (folder / "meshes/model.obj").write_text("\n".join(lines) + "\n")
    (folder / "meshes/model.mtl").write_text("newmtl material_0\nmap_Kd texture.png\n")
    place = folder / texture
    place.mkdir(parents=True, exist_ok=True)
    pixels = np.repeat(np.uint8(columns)[None], 8, axis=0).repeat(8, axis=1)
    Image.fromarray(pixels).save(place / "texture.png")
    (folder / "thumbnails").mkdir()
    (folder / "thumbnails/0.jpg").write_bytes(b"not looked at")
    for name in ("model.config", "model.sdf", "metadata.pbtxt"):
        (folder / name).write_text(f'name: "{folder.name}"\n')
    return folder


def zipped(scan: Path, archive: Path, top: str = "") -> Path:
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as made:
        for path in sorted(scan.rglob("*")):
            made.write(path, Path(top) / path.relative_to(scan))
    return archive


def load(folder: Path, name: str = "Box"):
    (handle,) = gso_objects(folder, [name], DRAWING, VIEWS)
    return handle.load()


def middle(rgba: torch.Tensor) -> list[int]:
    size = rgba.shape[-1]
    return (rgba[:3, size // 2, size // 2] * 255).round().int().tolist()


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    write_scan(tmp_path / "scans/Box")
    return tmp_path / "scans"


def test_the_input_sees_the_front_and_the_ring_runs_anticlockwise(scans):
    truth = load(scans)
    assert middle(truth.sighting.rgba) == list(SIDES["-y"])
    assert [middle(view) for view in truth.targets] == [list(color) for color in SIDES.values()]
    assert truth.azimuths_deg == (0, 90, 180, 270)


def test_z_is_up(scans):
    (handle,) = gso_objects(scans, None, DRAWING, BenchmarkViews(
        azimuths_deg=(0.0,), elevation_deg=89.0
    ))  # fmt: skip
    assert middle(handle.load().sighting.rgba) == list(TOP)
    seen = load(scans).sighting.rgba[3] > 0.5
    height, width = (int(seen.any(dim=axis).sum()) for axis in (1, 0))
    assert height / width == pytest.approx(HALF[2] / HALF[0], abs=0.1)


def test_the_texture_may_lie_beside_the_model(scans, tmp_path):
    write_scan(tmp_path / "beside/Box", texture="meshes")
    torch.testing.assert_close(load(tmp_path / "beside").targets, load(scans).targets)


@pytest.mark.parametrize("top", ["", "Box", "deep/er"])
def test_a_zip_equals_its_folder_and_leaves_nothing_behind(scans, tmp_path, top, monkeypatch):
    spare = tmp_path / "temporary"
    spare.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(spare))
    (tmp_path / "zips").mkdir()
    zipped(scans / "Box", tmp_path / "zips/Box.zip", top)
    truth = load(tmp_path / "zips")
    torch.testing.assert_close(truth.targets, load(scans).targets, rtol=0, atol=0)
    assert not list(spare.iterdir())


def test_a_list_keeps_its_order_and_all_means_all_by_name(scans):
    write_scan(scans / "Ant")
    zipped(scans / "Ant", scans / "Cat.zip")
    zipped(scans / "Ant", scans / "Box.zip")  # beside its folder: one object
    (scans / "notes").mkdir()
    handles = gso_objects(scans, None, DRAWING, VIEWS)
    assert [handle.name for handle in handles] == ["Ant", "Box", "Cat"]
    handles = gso_objects(scans, ["Cat", "Ant"], DRAWING, VIEWS)
    assert [handle.name for handle in handles] == ["Cat", "Ant"]


def test_a_name_that_is_not_there_fails_when_its_turn_comes(scans):
    (scans / "Empty").mkdir()
    for name in ("Gone", "Empty", "../scans/Box"):
        with pytest.raises(InvalidMesh, match=rf"{name}/meshes/model.obj or {name}.zip, found"):
            load(scans, name)


def test_a_folder_without_scans_is_told_at_once(tmp_path):
    with pytest.raises(InvalidMesh, match=r"Google Scanned Objects .*none in it"):
        gso_objects(tmp_path, ["Box"], DRAWING, VIEWS)
    with pytest.raises(InvalidMesh, match="no such folder"):
        gso_objects(tmp_path / "gone", None, DRAWING, VIEWS)


@pytest.mark.parametrize("lost", ["materials/textures/texture.png", "meshes/model.mtl"])
def test_a_missing_file_is_named_with_its_scan(scans, lost):
    (scans / "Box" / lost).unlink()
    zipped(scans / "Box", scans / "Zip.zip")
    for name, place in (("Box", "Box/meshes/model.obj"), ("Zip", "Zip.zip/meshes/model.obj")):
        with pytest.raises(InvalidMesh, match=f"{place}: names {Path(lost).name}, found neither"):
            load(scans, name)


def test_damaged_zips_are_refused(scans):
    whole = zipped(scans / "Box", scans / "Good.zip").read_bytes()
    scribbled = bytearray(whole)
    model = whole.index(b"meshes/model.obj") + 30
    scribbled[model : model + 20] = bytes(20)
    for damaged in (b"", b"<html>not found</html>", whole[:-40], bytes(scribbled)):
        (scans / "Bad.zip").write_bytes(damaged)
        with pytest.raises(InvalidMesh, match=r"Bad\.zip: damaged or no zip .*Download it again"):
            load(scans, "Bad")


def test_an_encrypted_zip_is_refused(scans):
    content = bytearray(zipped(scans / "Box", scans / "Good.zip").read_bytes())
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = content.find(signature)
        while at >= 0:
            content[at + flags] |= 1
            at = content.find(signature, at + 4)
    (scans / "Bad.zip").write_bytes(content)
    with pytest.raises(InvalidMesh, match=r"Bad\.zip: encrypted"):
        load(scans, "Bad")


@pytest.mark.parametrize("evil", ["../evil.txt", "/tmp/evil.txt", "a/../../evil.txt", "..\\evil"])
def test_a_zip_that_points_out_of_itself_is_refused(scans, evil):
    with zipfile.ZipFile(zipped(scans / "Box", scans / "Bad.zip"), "a") as archive:
        archive.writestr(evil, "evil")
    with pytest.raises(InvalidMesh, match=r"Bad\.zip: holds .*points out of the zip"):
        load(scans, "Bad")
    assert not (scans.parent / "evil.txt").exists()


def test_a_bomb_is_refused_before_it_is_unpacked(scans):
    content = bytearray(zipped(scans / "Box", scans / "Good.zip").read_bytes())
    at = content.rindex(b"meshes/model.obj") - 46  # its entry in the directory at the end
    assert content[at : at + 4] == b"PK\x01\x02"
    content[at + 24 : at + 28] = struct.pack("<I", 3_000_000_000)  # the size once unpacked
    (scans / "Bad.zip").write_bytes(content)
    with pytest.raises(InvalidMesh, match=r"Bad\.zip: gigantic, 3,000 MB"):
        load(scans, "Bad")


def test_a_zip_needs_exactly_one_model(scans):
    with zipfile.ZipFile(scans / "None.zip", "w") as archive:
        archive.writestr("model.sdf", "nothing else")
    with zipfile.ZipFile(zipped(scans / "Box", scans / "Two.zip", "one"), "a") as archive:
        archive.writestr("two/meshes/model.obj", "v 0 0 0")
    for name, count in (("None", 0), ("Two", 2)):
        with pytest.raises(InvalidMesh, match=f"expected one meshes/model.obj .*found {count}"):
            load(scans, name)


def test_only_what_is_drawn_is_unpacked(scans):
    """Neither thumbnails nor anything else of a scan can do harm."""
    shutil.rmtree(scans / "Box/thumbnails")
    with zipfile.ZipFile(zipped(scans / "Box", scans / "Zip.zip"), "a") as archive:
        archive.writestr("meshes/sub/evil.obj", "x")
        archive.writestr("run.sh", "x")
    from dd3g_kedro.benchmark.truth.gso import _unpacked

    with _unpacked(scans / "Zip.zip") as model:
        root = model.parents[1]
        found = {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}
    assert found == {"meshes/model.obj", "meshes/model.mtl", "materials/textures/texture.png"}
    assert not root.exists()
