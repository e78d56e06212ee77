import math
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import trimesh
from PIL import Image
from tests.golden import check_golden

from dd3g_kedro.core.errors import DD3GError, InvalidMesh
from dd3g_kedro.core.geometry.config import CameraRig
from dd3g_kedro.core.kept import write_manifest
from dd3g_kedro.mini_teacher.config import ViewAugmentation, ViewRendering
from dd3g_kedro.mini_teacher.drawing import DRAUGHTSMAN, draw_views, mesh_files, views_setting
from dd3g_kedro.mini_teacher.views import RenderedViews, ViewsFolder
from dd3g_kedro.objects.mesh import Mesh, Textures, stretched

PLAIN = ViewAugmentation(
    any_front=False, mirror=0.0, recolour=0.0, turned_views=0.0, other_ring=0.0, white=1.0
)
HOW = ViewRendering(size=16, azimuths=8, elevations_deg=((5, 5), (10, 20)))


@pytest.fixture(scope="module")
def views(tmp_path_factory) -> RenderedViews:
    folder = tmp_path_factory.mktemp("views")
    box = trimesh.creation.box((1, 0.5, 0.5))
    colors = [[255, 0, 0, 255]] * len(box.vertices)
    box.visual.vertex_colors = colors
    box.export(folder / "box.glb")
    (folder / "broken.glb").write_bytes(b"no mesh")
    failures = draw_views(
        [folder / "box.glb", folder / "broken.glb"], folder / "drawn", HOW, CameraRig()
    )
    assert list(failures) == [str(folder / "broken.glb")]
    return ViewsFolder(folder / "drawn").on(torch.device("cpu"))


def test_all_rings_and_azimuths_are_drawn(views):
    assert views.rgba.shape == (1, 2, 8, 4, 16, 16)
    assert float(views.elevations[0, 0]) == pytest.approx(math.radians(5))
    assert math.radians(10) <= float(views.elevations[0, 1]) <= math.radians(20)


def test_a_bulky_object_is_shrunk_until_it_fits_into_every_view(tmp_path):
    box = trimesh.creation.box((1.6, 1.6, 1.0))
    box.export(tmp_path / "bulky.glb")
    draw_views([tmp_path / "bulky.glb"], tmp_path / "drawn", HOW, CameraRig())
    alpha = ViewsFolder(tmp_path / "drawn").on(torch.device("cpu")).rgba[0, :, :, 3]
    assert alpha.sum(dim=(-1, -2)).min() > 0
    for edge in (alpha[..., 0, :], alpha[..., -1, :], alpha[..., 0], alpha[..., -1]):
        assert not edge.any()


def test_frame_one_shows_the_input_image_itself(views):
    batch = views.draw(6, torch.Generator().manual_seed(0), PLAIN)
    torch.testing.assert_close(batch.images[:, 1], batch.input_image, rtol=0, atol=0)
    torch.testing.assert_close(
        batch.azimuth[0].rad2deg(), torch.tensor([-90.0, 0.0, 90.0, 180.0]), atol=1e-4, rtol=0
    )


def test_views_are_those_of_the_azimuths_that_they_name(views):
    turned = ViewAugmentation(
        any_front=True, mirror=0.0, recolour=0.0, turned_views=1.0, other_ring=0.0, white=1.0
    )
    batch = views.draw(8, torch.Generator().manual_seed(1), turned)
    ring = views.rgba[0].float() / 255
    over_white = ring[:, :, :3] * ring[:, :, 3:] + 1 - ring[:, :, 3:]
    for index in range(8):
        fronts = [
            (r, a)
            for r in range(2)
            for a in range(8)
            if torch.allclose(over_white[r, a], batch.input_image[index], atol=1e-5)
        ]
        matches = [
            all(
                torch.allclose(
                    over_white[r, (a + round(float(p.rad2deg()) / 45)) % 8],
                    batch.images[index, v],
                    atol=1e-5,
                )
                for v, p in enumerate(batch.azimuth[index])
            )
            for r, a in fronts
        ]
        assert any(matches)


def test_a_mirrored_object_is_a_true_view_of_the_mirrored_mesh(views):
    mirrored = ViewAugmentation(
        any_front=False, mirror=1.0, recolour=0.0, turned_views=0.0, other_ring=0.0, white=1.0
    )
    batch = views.draw(1, torch.Generator().manual_seed(3), mirrored)
    plain = views.draw(1, torch.Generator().manual_seed(3), PLAIN)
    # seen from the left, the mirrored object shows the mirror image of its right-hand side
    torch.testing.assert_close(batch.images[0, 2], plain.images[0, 0].flip(-1))


def test_the_same_generator_draws_the_same_batch(views):
    first, second = (
        views.draw(4, torch.Generator().manual_seed(5), ViewAugmentation()) for _ in range(2)
    )
    torch.testing.assert_close(first.images, second.images, rtol=0, atol=0)


def test_an_empty_folder_says_what_to_run(tmp_path):
    with pytest.raises(DD3GError, match="kedro run --pipelines=teacher"):
        ViewsFolder(tmp_path)


def test_only_the_wanted_split_of_a_catalog_is_read(tmp_path):
    for name in ("a", "b", "c"):
        (tmp_path / f"{name}.glb").touch()
    (tmp_path / "catalog.csv").write_text("id,split\na,train\nb,test\nc,train\n")
    assert [p.stem for p in mesh_files([tmp_path], "train", "meshes")] == ["a", "c"]
    assert [p.stem for p in mesh_files([tmp_path], "test", "held_out")] == ["b"]
    with pytest.raises(InvalidMesh, match=r"split 'val'.*correct held_out"):
        mesh_files([tmp_path], "val", "held_out")


def test_a_catalog_of_other_meshes_divides_nothing(tmp_path):
    (tmp_path / "a.glb").touch()
    (tmp_path / "catalog.csv").write_text("id,split\nelsewhere/a,train\n")
    assert [p.stem for p in mesh_files([tmp_path], "test", "held_out")] == ["a"]


def test_fronts_and_the_first_ring_are_drawn_as_often_as_asked(views):
    everywhere = ViewAugmentation(recolour=0.0, mirror=0.0, white=1.0, front=1.0, level=1.0)
    batch = views.draw(8, torch.Generator().manual_seed(0), everywhere)
    ring = views.rgba[0, 0, 0].float() / 255
    front = ring[:3] * ring[3:] + 1 - ring[3:]
    torch.testing.assert_close(batch.input_image, front.expand(8, -1, -1, -1), rtol=0, atol=1e-6)
    assert batch.elevation.eq(views.elevations[0, 0]).all()


def test_variants_of_a_mesh_are_stretched_and_leave_the_first_as_it_is(tmp_path):
    trimesh.creation.box((1, 0.5, 0.5)).export(tmp_path / "box.glb")
    more = replace(HOW, variants=3, stretch=0.5)
    draw_views([tmp_path / "box.glb"], tmp_path / "drawn", replace(more, variants=1), CameraRig())
    first = {path.name: path.read_bytes() for path in (tmp_path / "drawn").glob("*.npz")}
    draw_views([tmp_path / "box.glb"], tmp_path / "drawn", more, CameraRig())
    for name, content in first.items():
        assert (tmp_path / "drawn" / name).read_bytes() == content
    alpha = ViewsFolder(tmp_path / "drawn").on(torch.device("cpu")).rgba[:, 0, :, 3].float()
    widths = alpha.amax(dim=2).sum(dim=-1)[:, [0, 2]]  # from the front and from a side
    assert len(widths) == 3
    assert len({tuple(row.tolist()) for row in widths}) == 3


def test_a_stretched_surface_keeps_normals_that_stand_on_it():
    sphere = trimesh.creation.icosphere(2, 0.5)
    corners = sphere.vertices[sphere.faces].astype(np.float32)
    flat = np.repeat(sphere.face_normals[:, None], 3, axis=1).astype(np.float32)
    none = Textures(
        np.zeros((0, 4), dtype=np.uint8), np.zeros((0, 3), dtype=np.int64),
        np.zeros(1, dtype=np.int64), np.zeros(0, dtype=bool),
    )  # fmt: skip
    untextured = np.full(len(corners), -1, dtype=np.int32)
    mesh = Mesh(corners, flat, np.ones_like(corners), corners[..., :2], untextured, none)
    wide = stretched(mesh, np.array([1.0, 3.0, 0.5]))
    edges = np.diff(wide.positions, axis=1)
    assert np.abs(np.einsum("fek,fk->fe", edges, wide.normals[:, 0])).max() < 1e-6
    assert np.abs(np.linalg.norm(wide.normals, axis=-1) - 1).max() < 1e-6
    assert np.ptp(wide.positions.reshape(-1, 3), axis=0).max() == pytest.approx(1.0, abs=1e-6)


def boxes(folder: Path, *colors: tuple[int, int, int]) -> list[Path]:
    """A textured OBJ for each colour: .obj, .mtl and .png."""
    meshes = []
    for number, color in enumerate(colors):
        box = trimesh.creation.box((1, 0.5, 0.5))
        picture = Image.new("RGB", (4, 4), color)
        material = trimesh.visual.material.SimpleMaterial(image=picture)
        uv = np.zeros((len(box.vertices), 2))
        box.visual = trimesh.visual.TextureVisuals(uv=uv, material=material)
        place = folder / f"box{number}"
        place.mkdir(parents=True, exist_ok=True)
        box.export(place / "box.obj")
        meshes.append(place / "box.obj")
    return meshes


def held(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def meshes(tmp_path) -> list[Path]:
    return boxes(tmp_path, (250, 10, 10), (10, 10, 250))


def test_a_deleted_mesh_leaves_the_training_and_comes_back_without_being_drawn(
    meshes, tmp_path, monkeypatch
):
    folder = tmp_path / "drawn"
    draw_views(meshes, folder, HOW, CameraRig())
    both = held(folder)
    draw_views(meshes[:1], folder, HOW, CameraRig())
    assert len(ViewsFolder(folder).files) == 1
    draw_views(meshes[:1], tmp_path / "fresh", HOW, CameraRig())
    assert held(folder) == held(tmp_path / "fresh")
    monkeypatch.setattr("dd3g_kedro.mini_teacher.drawing.load_mesh", None)  # nobody may load one
    draw_views(meshes, folder, HOW, CameraRig())
    assert held(folder) == both


def test_another_setting_makes_other_views_and_the_reader_says_which(meshes, tmp_path):
    folder, other = tmp_path / "drawn", replace(HOW, seed=1, reach=0.3)
    draw_views(meshes, folder, HOW, CameraRig())
    with pytest.raises(
        DD3GError, match=r"rendering\.reach: 0\.3, not 0\.6; rendering\.seed: 1, not 0"
    ):
        ViewsFolder(folder, views_setting(other, CameraRig()))
    draw_views(meshes, folder, other, CameraRig())
    draw_views(meshes, tmp_path / "fresh", other, CameraRig())
    assert held(folder) == held(tmp_path / "fresh")
    assert len(ViewsFolder(folder, views_setting(other, CameraRig())).files) == 2


@pytest.mark.parametrize("changed", ["material.mtl", "material_0.png", "box.obj"])
def test_every_file_of_a_mesh_counts(meshes, tmp_path, changed):
    draw_views(meshes, tmp_path / "drawn", HOW, CameraRig())
    before = {path.name for path in ViewsFolder(tmp_path / "drawn").files}
    path = meshes[0].parent / changed
    if path.suffix == ".png":
        Image.new("RGB", (4, 4), (10, 250, 10)).save(path)
    else:
        path.write_text(path.read_text() + "\n# another line\n")
    draw_views(meshes, tmp_path / "drawn", HOW, CameraRig())
    after = {path.name for path in ViewsFolder(tmp_path / "drawn").files}
    assert len(before & after) == 1
    assert len(after) == 2


def test_equal_meshes_are_one_object_wherever_they_lie(meshes, tmp_path):
    twin = shutil.copytree(meshes[0].parent, tmp_path / "twin") / "box.obj"
    draw_views([*meshes, twin], tmp_path / "drawn", HOW, CameraRig())
    assert len(ViewsFolder(tmp_path / "drawn").files) == 2


def test_damaged_or_missing_views_are_named(meshes, tmp_path):
    draw_views(meshes, tmp_path / "drawn", HOW, CameraRig())
    path = ViewsFolder(tmp_path / "drawn").files[1]
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(DD3GError, match=rf"{path.name}: expected the drawn views.*damaged"):
        ViewsFolder(tmp_path / "drawn").on(torch.device("cpu"))
    path.unlink()
    with pytest.raises(
        DD3GError, match=rf"1 of 2 drawn views are missing, the first is {path.name}"
    ):
        ViewsFolder(tmp_path / "drawn")
    write_manifest(tmp_path / "drawn", {"views": []})
    with pytest.raises(DD3GError, match="expected drawn views and their manifest"):
        ViewsFolder(tmp_path / "drawn")


def test_views_do_not_change_unseen(tmp_path):
    """Raise DRAUGHTSMAN when this fails for a reason: kept views are then drawn again."""
    box = trimesh.creation.box((1, 0.5, 0.25))
    box.visual.vertex_colors = [[200, 120, 40, 255]] * len(box.vertices)
    box.export(tmp_path / "box.obj")
    draw_views([tmp_path / "box.obj"], tmp_path / "drawn", HOW, CameraRig())
    rgba = ViewsFolder(tmp_path / "drawn").on(torch.device("cpu")).rgba[0].double() / 255
    check_golden(DRAUGHTSMAN, rgba.mean(dim=(-1, -2)).flatten().tolist(), atol=2e-3)
