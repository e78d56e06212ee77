"""A mesh's fingerprint covers every file that its loader reads."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import trimesh
from PIL import Image

from dd3g_kedro.objects import loading
from dd3g_kedro.objects.references import files_of_mesh, mesh_fingerprint


def textured(folder: Path, name: str) -> Path:
    """A box with a picture, as glTF (.bin and .png beside it) or OBJ (.mtl and .png)."""
    box = trimesh.creation.box()
    picture = Image.new("RGB", (4, 4), (200, 30, 30))
    kind = trimesh.visual.material
    material = (
        kind.SimpleMaterial(image=picture)
        if name.endswith(".obj")
        else kind.PBRMaterial(baseColorTexture=picture)
    )
    uv = np.zeros((len(box.vertices), 2))
    box.visual = trimesh.visual.TextureVisuals(uv=uv, material=material)
    folder.mkdir(parents=True, exist_ok=True)
    box.export(folder / name)
    return folder / name


@pytest.mark.parametrize(("name", "count"), [("a.obj", 3), ("a.gltf", 3), ("a.glb", 1)])
def test_all_that_the_loader_reads_counts(tmp_path, monkeypatch, name, count):
    mesh = textured(tmp_path / "mesh", name)
    read = []
    get = loading._LocalFiles.get
    monkeypatch.setattr(
        loading._LocalFiles, "get", lambda self, name: read.append(name) or get(self, name)
    )
    loading.load_mesh(mesh)
    known = files_of_mesh(mesh)
    assert len(set(known)) == len(known) >= count
    assert set(read) <= {path.name for path in known}
    for path in known:
        before, content = mesh_fingerprint(mesh), path.read_bytes()
        path.write_bytes(content + b" ")
        assert mesh_fingerprint(mesh) != before, path
        path.write_bytes(content)
        assert mesh_fingerprint(mesh) == before


def test_it_is_the_same_wherever_the_mesh_lies(tmp_path):
    mesh = textured(tmp_path / "mesh", "a.obj")
    moved = shutil.copytree(mesh.parent, tmp_path / "moved") / "a.obj"
    assert mesh_fingerprint(moved) == mesh_fingerprint(mesh)


def test_textures_of_scanned_objects_count_and_files_outside_do_not(tmp_path):
    mesh = textured(tmp_path / "object" / "meshes", "a.obj")
    textures = tmp_path / "object" / "materials" / "textures"
    textures.mkdir(parents=True)
    (mesh.parent / "material_0.png").rename(textures / "material_0.png")
    assert textures.resolve() / "material_0.png" in files_of_mesh(mesh)
    (tmp_path / "secret.mtl").write_text("newmtl a")
    mesh.write_text("mtllib ../../secret.mtl\n" + mesh.read_text())
    assert tmp_path / "secret.mtl" not in files_of_mesh(mesh)


def test_a_texture_with_spaces_or_options_is_found(tmp_path):
    (tmp_path / "a.obj").write_text("mtllib my paint.mtl\n")
    (tmp_path / "my paint.mtl").write_text("newmtl a\nmap_Kd -s 1 1 1 wood.png\nmap_Ks a b.png\n")
    for name in ("wood.png", "a b.png"):
        (tmp_path / name).write_bytes(b"")
    names = [path.name for path in files_of_mesh(tmp_path / "a.obj")]
    assert names == ["a.obj", "my paint.mtl", "wood.png", "a b.png"]


@pytest.mark.parametrize("content", [b"", b"glTF", b"[1, 2]", b'{"images": [3]}'])
def test_a_damaged_mesh_names_nothing(tmp_path, content):
    (tmp_path / "a.gltf").write_bytes(content)
    (tmp_path / "a.glb").write_bytes(content)
    assert files_of_mesh(tmp_path / "a.gltf") == [tmp_path / "a.gltf"]
    assert files_of_mesh(tmp_path / "a.glb") == [tmp_path / "a.glb"]
