"""The procedural objects, and folders of meshes with their catalogs."""

import csv
import re

import numpy as np
import pytest

from dd3g_kedro.core.errors import InvalidMesh
from dd3g_kedro.objects.config import UNLIT, Drawing, ProceduralObjects
from dd3g_kedro.objects.loading import load_mesh
from dd3g_kedro.objects.objects import (
    find_meshes,
    planned_objects,
    read_catalog,
    write_objects,
)
from dd3g_kedro.objects.toys.families import FAMILIES, glb_bytes, make_object
from dd3g_kedro.objects.views import draw_sides

# Turned on a wheel, or alike on both sides: nothing tells their front from their back.
ALIKE = {
    "teapot",
    "hammer",
    "vase",
    "lamp",
    "ice_cream",
    "burger",
    "cake",
    "mug",
    "potted_plant",
    "tree",
    "gift",
}


def load(family, index, tmp_path):
    path = tmp_path / f"{family}.glb"
    path.write_bytes(glb_bytes(family, index))
    return load_mesh(path)


@pytest.mark.parametrize("family", FAMILIES)
def test_an_object_is_the_same_bytes_for_its_number_and_another_for_another(family):
    assert glb_bytes(family, 3) == glb_bytes(family, 3)
    assert glb_bytes(family, 3) != glb_bytes(family, 4)


@pytest.mark.parametrize("family", FAMILIES)
def test_an_object_is_small_coloured_and_seen_from_everywhere(family, tmp_path):
    mesh = load(family, 0, tmp_path)
    assert 200 < len(mesh) <= 8000
    drawing = Drawing(size=48, supersample=1, lighting=UNLIT)
    views = draw_sides(mesh, (0.0, 90.0, 180.0, 270.0), (5.0,) * 4, drawing)
    shown = views[views[..., 3] > 0][:, :3]
    assert ((views[..., 3] > 0).sum((1, 2)) > 48).all()
    assert len(np.unique(shown // 32, axis=0)) >= 2


@pytest.mark.parametrize("family", sorted(set(FAMILIES) - ALIKE))
def test_what_has_a_front_differs_from_its_back(family, tmp_path):
    drawing = Drawing(size=48, supersample=2, lighting=UNLIT)
    front, back = draw_sides(load(family, 0, tmp_path), (0.0, 180.0), (5.0, 5.0), drawing).astype(
        float
    )
    differs = np.abs(front - back[:, ::-1]).max(-1) > 40
    assert differs.sum() > 0.02 * (front[..., 3] > 0).sum()


def test_an_unknown_family_is_named_with_the_known_ones():
    with pytest.raises(ValueError, match=r"got 'dragon'"):
        make_object("dragon", 0)
    with pytest.raises(ValueError, match=r"'dragon' is no family; known: vase"):
        planned_objects(ProceduralObjects(families=("dragon",), count=1, benchmark_count=1))


def test_the_benchmark_shares_no_object_with_training_and_shows_unseen_families():
    config = ProceduralObjects(held_out=("teapot", "rocket"), count=100, benchmark_count=12)
    train, held_out = planned_objects(config)
    assert (len(set(train)), len(set(held_out))) == (100, 12)
    assert not set(train) & set(held_out)
    assert {"teapot", "rocket"} <= {family for family, _ in held_out}
    assert not {"teapot", "rocket"} & {family for family, _ in train}
    assert {family for family, _ in train} == set(FAMILIES) - {"teapot", "rocket"}


def test_more_benchmark_objects_than_families_are_still_different_ones():
    config = ProceduralObjects(
        families=("mug", "chair"), held_out=("teapot",), count=1, benchmark_count=9
    )
    _, held_out = planned_objects(config)
    assert len(set(held_out)) == 9


def test_writing_again_changes_nothing_and_a_new_plan_removes_only_its_own(tmp_path):
    write_objects([("mug", 0), ("sign", 0)], tmp_path, "train")
    before = {p.name: (p.read_bytes(), p.stat().st_mtime_ns) for p in tmp_path.glob("*.glb")}
    write_objects([("mug", 0), ("sign", 0)], tmp_path, "train")
    assert before == {
        p.name: (p.read_bytes(), p.stat().st_mtime_ns) for p in tmp_path.glob("*.glb")
    }
    (tmp_path / "mine.glb").write_bytes(b"someone's own")
    write_objects([("mug", 0)], tmp_path, "train")
    assert {p.name for p in tmp_path.iterdir()} == {"mug_0000.glb", "mine.glb", "catalog.csv"}


def test_the_catalog_tells_what_the_files_are(tmp_path):
    write_objects([("four_legged", 2)], tmp_path, "test")
    (row,) = read_catalog(tmp_path).values()
    mesh = load_mesh(tmp_path / f"{row.id}.glb")
    assert (row.name, row.licence, row.split) == ("four legged", "CC0-1.0", "test")
    assert int(row.faces) == len(mesh)
    assert int(row.bytes) == (tmp_path / f"{row.id}.glb").stat().st_size


@pytest.mark.shared
def test_the_catalog_has_the_columns_of_the_mesh_pack(shared, tmp_path):
    write_objects([("mug", 0)], tmp_path, "train")
    headers = [
        next(csv.reader(path.open()))
        for path in (tmp_path / "catalog.csv", shared / "meshes/catalog.csv")
    ]
    assert headers[0] == headers[1]


def test_meshes_are_found_in_subfolders_by_their_path(tmp_path):
    for name in ("b/two.obj", "a/one.GLB", ".hidden.glb", "a/note.txt"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    assert list(find_meshes(tmp_path)) == ["a/one", "b/two"]


@pytest.mark.parametrize("folder", ["", "gone"])
def test_a_folder_without_meshes_is_named(tmp_path, folder):
    with pytest.raises(InvalidMesh, match=re.escape(str(tmp_path / folder))):
        find_meshes(tmp_path / folder)


@pytest.mark.parametrize("content", ["name,licence\na,b\n", "", "\xff\xfe"])
def test_a_table_that_is_no_catalog_is_named(tmp_path, content):
    (tmp_path / "catalog.csv").write_bytes(content.encode("latin-1"))
    with pytest.raises(InvalidMesh, match=r"catalog\.csv: expected"):
        read_catalog(tmp_path)
