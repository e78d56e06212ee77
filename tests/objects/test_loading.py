"""Mesh files against what was written into them."""

import json
import math
import struct

import numpy as np
import pytest
import trimesh
from PIL import Image

from dd3g_kedro.core.errors import InvalidMesh
from dd3g_kedro.objects.loading import load_mesh
from dd3g_kedro.objects.normals import corner_normals


def write(path, geometry):
    geometry.export(path)
    return path


def box_at(center, extents=(1, 1, 1), color=(255, 0, 0, 255)):
    box = trimesh.creation.box(extents=extents)
    box.apply_translation(center)
    box.visual.vertex_colors = np.tile(np.uint8(color), (8, 1))
    return box


def mean_of(mesh, color):
    return mesh.positions[(mesh.colors == np.float32(color)).all((1, 2))].mean((0, 1))


def test_gltf_axes_become_the_worlds(tmp_path):
    """glTF +z (front), +x (left), +y (up) are the world's +x, +y, +z."""
    parts = [
        box_at((0, 0, 9), color=(255, 0, 0, 255)),
        box_at((9, 0, 0), color=(0, 255, 0, 255)),
        box_at((0, 9, 0), color=(0, 0, 255, 255)),
        box_at((0, 0, 0), color=(255, 255, 255, 255)),
    ]
    mesh = load_mesh(write(tmp_path / "a.glb", trimesh.util.concatenate(parts)))
    origin = mean_of(mesh, (1, 1, 1))
    for axis, color in enumerate(np.eye(3)):
        np.testing.assert_allclose(mean_of(mesh, color) - origin, 0.9 * np.eye(3)[axis], atol=1e-6)


def test_the_box_is_centred_and_its_longest_side_is_one(tmp_path):
    mesh = load_mesh(write(tmp_path / "a.glb", box_at((5, -3, 20), (4, 1, 2))))
    low, high = mesh.positions.min((0, 1)), mesh.positions.max((0, 1))
    np.testing.assert_allclose(high, (0.25, 0.5, 0.125), atol=1e-6)
    np.testing.assert_allclose(low, -high, atol=1e-6)


def test_a_scene_is_flattened_with_its_transforms(tmp_path):
    scene = trimesh.Scene()
    scene.add_geometry(box_at((0, 0, 0)), geom_name="box", node_name="one")
    turn = trimesh.transformations.rotation_matrix(math.pi / 2, (0, 0, 1))
    move = trimesh.transformations.translation_matrix((0, 7, 0))
    scene.graph.update("two", matrix=move @ turn, geometry="box")
    mesh = load_mesh(write(tmp_path / "a.glb", scene))
    assert len(mesh) == 24
    extent = mesh.positions.max((0, 1)) - mesh.positions.min((0, 1))
    np.testing.assert_allclose(extent, (1 / 8, 1 / 8, 1), atol=1e-6)


def test_colour_bytes_are_display_values_as_they_are(tmp_path):
    mesh = load_mesh(write(tmp_path / "a.glb", box_at((0, 0, 0), color=(51, 102, 204, 255))))
    assert np.unique(mesh.colors.reshape(-1, 3), axis=0).tolist() == [
        pytest.approx([0.2, 0.4, 0.8], abs=1e-6)
    ]


def textured_quad(picture, **material):
    visual = trimesh.visual.TextureVisuals(
        uv=[(0, 0), (1, 0), (1, 1), (0, 1)],
        material=trimesh.visual.material.PBRMaterial(
            baseColorTexture=Image.fromarray(picture), **material
        ),
    )
    corners = [(-1, -1, 0), (1, -1, 0), (1, 1, 0), (-1, 1, 0)]
    return trimesh.Trimesh(corners, [(0, 1, 2), (0, 2, 3)], visual=visual, process=False)


def test_several_materials_keep_their_own_pictures(tmp_path):
    scene = trimesh.Scene()
    for x, value in ((0, 40), (3, 200)):
        quad = textured_quad(np.full((4, 4, 3), value, np.uint8))
        quad.apply_translation((x, 0, 0))
        scene.add_geometry(quad)
    mesh = load_mesh(write(tmp_path / "a.glb", scene))
    for right, value in ((False, 40), (True, 200)):
        faces = (mesh.positions[..., 1].mean(1) > 0) == right
        (picture,) = set(mesh.texture[faces])
        assert (
            mesh.textures.texels[mesh.textures.levels[mesh.textures.first_level[picture], 0], 0]
            == value
        )


def test_alpha_counts_only_where_the_material_says_so(tmp_path):
    picture = np.zeros((4, 4, 4), np.uint8)
    picture[:2, :, 3] = 255
    opaque = load_mesh(write(tmp_path / "opaque.glb", textured_quad(picture, alphaMode="OPAQUE")))
    masked = load_mesh(write(tmp_path / "masked.glb", textured_quad(picture, alphaMode="MASK")))
    assert not opaque.textures.cutout[0]
    assert masked.textures.cutout[0]


def test_a_plain_material_colour_is_converted_from_linear_light(tmp_path):
    box = trimesh.creation.box()
    box.visual = trimesh.visual.TextureVisuals(
        material=trimesh.visual.material.PBRMaterial(baseColorFactor=[0.2158605, 1.0, 0.0, 1.0])
    )
    mesh = load_mesh(write(tmp_path / "a.glb", box))
    np.testing.assert_allclose(mesh.colors[0, 0], (0.5, 1, 0), atol=3e-3)


OBJ = """mtllib model.mtl
v -1 0 0
v 1 0 0
v 1 2 0
v -1 2 0
vt 0 0
vt 1 0
vt 1 1
vt 0 1
usemtl one
f 1/1 2/2 3/3 4/4
"""


def gazebo_folder(tmp_path):
    """The layout of Google Scanned Objects: the texture is not where the .mtl says."""
    meshes, textures = tmp_path / "meshes", tmp_path / "materials" / "textures"
    meshes.mkdir()
    textures.mkdir(parents=True)
    (meshes / "model.obj").write_text(OBJ)
    (meshes / "model.mtl").write_text("newmtl one\nKd 0.8 0.8 0.8\nmap_Kd texture.png\n")
    picture = np.zeros((2, 2, 3), np.uint8)
    picture[0, 0] = 255  # top left
    Image.fromarray(picture).save(textures / "texture.png")
    return meshes / "model.obj"


def test_obj_finds_its_texture_in_the_gazebo_layout(tmp_path):
    mesh = load_mesh(gazebo_folder(tmp_path))
    assert (mesh.texture == 0).all()
    assert mesh.textures.texels[:4, 0].tolist() == [255, 0, 0, 0]
    top_left = (mesh.positions[..., 2] > 0) & (mesh.positions[..., 1] < 0)
    np.testing.assert_allclose(mesh.uvs[top_left], np.zeros((top_left.sum(), 2)), atol=1e-6)
    assert (mesh.colors == 1).all()


def test_a_missing_texture_is_named(tmp_path):
    path = gazebo_folder(tmp_path)
    (tmp_path / "materials" / "textures" / "texture.png").unlink()
    with pytest.raises(InvalidMesh, match=r"model\.obj: names texture\.png, found neither"):
        load_mesh(path)


def test_corner_normals_smooth_a_cylinder_and_keep_its_rim():
    cylinder = trimesh.creation.cylinder(radius=1, height=2, sections=24)
    triangles = cylinder.triangles.astype(np.float32)
    normals = corner_normals(triangles, math.radians(30))
    side = np.abs(cylinder.face_normals[:, 2]) < 0.5
    radial = triangles[side] * [1, 1, 0]
    np.testing.assert_allclose(normals[side], radial, atol=0.1)
    caps = normals[~side]
    np.testing.assert_allclose(np.abs(caps[..., 2]), 1, atol=1e-6)


def glb_with(changes, tmp_path):
    """A valid GLB whose JSON is changed."""
    data = write(tmp_path / "good.glb", box_at((0, 0, 0))).read_bytes()
    length = struct.unpack("<I", data[12:16])[0]
    header = json.loads(data[20 : 20 + length])
    changes(header)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 4)
    rest = data[20 + length :]
    total = 20 + len(text) + len(rest)
    path = tmp_path / "bad.glb"
    path.write_bytes(
        data[:8] + struct.pack("<I", total) + struct.pack("<I", len(text)) + b"JSON" + text + rest
    )
    return path


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("empty.glb", b"", "cannot be read"),
        ("text.glb", b"this is no mesh at all, but long enough", "cannot be read"),
        ("notes.stl", b"solid", "expected one of .glb"),
        ("none.obj", b"v 0 0 0\n", "holds no surface"),
        ("flat.obj", b"v 0 0 0\nv 1 0 0\nv 2 0 0\nf 1 2 3\n", "holds no surface"),
        ("nan.obj", b"v 0 0 0\nv 1 0 nan\nv 0 1 0\nf 1 2 3\n", "NaN or infinite"),
        ("broken.obj", b"v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 9\n", "cannot be read"),
    ],
)
def test_bad_files_are_refused_by_name(tmp_path, name, content, reason):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InvalidMesh, match=reason) as caught:
        load_mesh(path)
    assert name in str(caught.value)


def test_a_cut_off_glb_is_refused(tmp_path):
    path = write(tmp_path / "a.glb", box_at((0, 0, 0)))
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(InvalidMesh, match=r"a\.glb"):
        load_mesh(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InvalidMesh, match="there is no such file"):
        load_mesh(tmp_path / "gone.glb")


def test_a_glb_without_meshes_is_refused(tmp_path):
    path = glb_with(lambda header: header.update(meshes=[], nodes=[{}]), tmp_path)
    with pytest.raises(InvalidMesh, match=r"bad\.glb"):
        load_mesh(path)


@pytest.mark.shared
def test_real_scans_come_in_the_normal_form_with_their_pictures(shared):
    paths = sorted((shared / "scans").glob("*.glb"))
    assert len(paths) == 14
    for path in paths:
        mesh = load_mesh(path)
        low, high = mesh.positions.min((0, 1)), mesh.positions.max((0, 1))
        np.testing.assert_allclose(high, -low, atol=1e-6)
        assert (high - low).max() == pytest.approx(1, abs=1e-6)
        np.testing.assert_allclose(np.linalg.norm(mesh.normals, axis=-1), 1, atol=1e-4)
        assert (mesh.texture == 0).all()
        assert mesh.textures.levels[0, 1:].max() > 128
