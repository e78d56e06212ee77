"""Pictures of many meshes: reproducible, resumed, nothing lost silently."""

import csv
import io
import logging
import math
import shutil
from dataclasses import replace

import numpy as np
import pytest
import trimesh
from PIL import Image
from tests.golden import check_golden

from dd3g_kedro.core.errors import DD3GError, InvalidMesh
from dd3g_kedro.objects.config import (
    UNLIT,
    BenchmarkViews,
    CollectConfig,
    Drawing,
    FrontViews,
    ProceduralObjects,
)
from dd3g_kedro.objects.loading import load_mesh
from dd3g_kedro.objects.objects import write_objects
from dd3g_kedro.objects.views import (
    FRONTS,
    _front_of,
    draw_benchmark,
    draw_fronts,
    draw_views,
    fitted,
)


def config(size=32, azimuth_deg=(-20, 20), per_object=1, **changes) -> CollectConfig:
    return CollectConfig(
        workers=1,
        objects=ProceduralObjects(count=1, benchmark_count=1),
        drawing=Drawing(size=size, supersample=1, **changes),
        front=FrontViews(azimuth_deg=azimuth_deg, elevation_deg=(5.0, 5.0), per_object=per_object),
        benchmark=BenchmarkViews(azimuths_deg=(0.0, 90.0, 180.0), elevation_deg=5.0),
    )


@pytest.fixture
def meshes(tmp_path):
    return write_objects([("mug", 0), ("sign", 0), ("robot", 1)], tmp_path / "meshes", "train")


def pictures(folder):
    return {p.name: p.read_bytes() for p in sorted(folder.rglob("*.png"))}


def times(folder):
    return {p.name: p.stat().st_mtime_ns for p in folder.rglob("*.png")}


def cube(tmp_path):
    path = tmp_path / "cube.glb"
    trimesh.creation.box().export(path)
    return load_mesh(path)


def test_the_rigs_cameras_see_everything_within_reach(tmp_path):
    """A unit cube is cut off from in front; shrunk to 0.6 it is whole from everywhere."""
    around = tuple(15.0 * k for k in range(24)) * 3
    above = tuple(e for e in (-30.0, 5.0, 60.0) for _ in range(24))
    mesh = cube(tmp_path)

    def touches(reach):
        views = draw_views(mesh, around, above, Drawing(size=64, reach=reach, lighting=UNLIT))[
            ..., 3
        ]
        edges = np.concatenate([views[:, 0], views[:, -1], views[:, :, 0], views[:, :, -1]], axis=1)
        return edges.any()

    assert touches(1.4)
    assert not touches(0.6)


def test_fitting_never_enlarges_and_keeps_the_shape(tmp_path):
    mesh = cube(tmp_path)
    np.testing.assert_array_equal(fitted(mesh, 0.9).positions, mesh.positions)
    shrunk = fitted(mesh, 0.5).positions
    np.testing.assert_allclose(np.linalg.norm(shrunk, axis=-1).max(), 0.5, rtol=1e-6)
    np.testing.assert_allclose(shrunk / mesh.positions, 0.5 / math.sqrt(0.75), rtol=1e-5)


def test_fronts_are_drawn_within_their_range_and_differ_by_name():
    front = FrontViews(azimuth_deg=(-20, 20), elevation_deg=(3, 7))
    views = np.array([_front_of(f"object{k}", front) for k in range(400)])
    assert (np.abs(views[:, 0]) <= 20).all()
    assert ((views[:, 1] >= 3) & (views[:, 1] <= 7)).all()
    assert views[:, 0].mean() == pytest.approx(0, abs=2)
    assert views[:, 0].std() == pytest.approx(40 / math.sqrt(12), rel=0.1)
    assert _front_of("object0", front) == tuple(views[0])


def test_the_same_configuration_gives_the_same_files(meshes, tmp_path):
    for name in ("one", "two"):
        draw_fronts([meshes], tmp_path / name, config())
    assert len(pictures(tmp_path / "one")) == 3
    assert pictures(tmp_path / "one") == pictures(tmp_path / "two")


def test_only_what_is_missing_or_was_drawn_otherwise_is_drawn_again(meshes, tmp_path):
    folder = tmp_path / "images"
    draw_fronts([meshes], folder, config())
    whole, before = pictures(folder), times(folder)
    (folder / "sign_0000.png").unlink()
    draw_fronts([meshes], folder, config())
    assert pictures(folder) == whole
    changed = {name for name, time in times(folder).items() if time != before[name]}
    assert changed == {"sign_0000.png"}
    draw_fronts([meshes], folder, config(azimuth_deg=(10, 30)))
    assert all(pictures(folder)[name] != whole[name] for name in whole)


def test_more_pictures_of_an_object_show_other_sides(meshes, tmp_path):
    draw_fronts([meshes], tmp_path / "one", config(azimuth_deg=(-180, 180)))
    draw_fronts([meshes], tmp_path / "three", config(azimuth_deg=(-180, 180), per_object=3))
    one, three = pictures(tmp_path / "one"), pictures(tmp_path / "three")
    assert three.items() >= one.items()
    assert len(three) == 9
    assert len({three[f"mug_0000{number}.png"] for number in ("", ".1", ".2")}) == 3
    with (tmp_path / "three" / "sources.csv").open(newline="") as stream:
        names = [row["name"] for row in csv.DictReader(stream) if row["file"].startswith("mug")]
    assert len(names) == 3
    assert len(set(names)) == 1


def test_a_split_of_one_folder_and_all_of_another(meshes, tmp_path):
    others = tmp_path / "others"
    others.mkdir()
    for name in ("a", "b"):
        shutil.copy(meshes / "mug_0000.glb", others / f"{name}.glb")
    (others / "catalog.csv").write_text("id,split\na,train\nb,test\n")
    wanted = replace(config(), meshes=others, split="train")
    draw_fronts([others, meshes], tmp_path / "images", wanted)
    names = {"a.png", "mug_0000.png", "robot_0001.png", "sign_0000.png"}
    assert set(pictures(tmp_path / "images")) == names
    with pytest.raises(InvalidMesh, match=r"none of its 2 meshes has the split 'val'"):
        draw_fronts([others], tmp_path / "images", replace(wanted, split="val"))


def test_the_benchmark_may_be_a_split_of_another_folder(meshes, tmp_path):
    (meshes / "catalog.csv").write_text("id,split\nmug_0000,test\nsign_0000,train\n")
    held_out = replace(config(), benchmark_meshes=meshes, benchmark_split="test")
    rows = draw_benchmark(tmp_path / "nowhere", held_out)
    assert {row["object_id"] for row in rows} == {"mug_0000"}
    with pytest.raises(InvalidMesh, match=r"correct collect\.benchmark_split"):
        draw_benchmark(tmp_path / "nowhere", replace(held_out, benchmark_split="val"))
    with pytest.raises(ValueError, match=r"collect\.benchmark_meshes is null"):
        replace(config(), benchmark_split="test")


def test_pictures_of_meshes_that_are_gone_go_and_anyone_elses_stay(meshes, tmp_path):
    folder = tmp_path / "images"
    draw_fronts([meshes], folder, config())
    Image.new("RGBA", (8, 8)).save(folder / "holiday.png")
    (meshes / "sign_0000.glb").unlink()
    draw_fronts([meshes], folder, config())
    assert set(pictures(folder)) == {"holiday.png", "mug_0000.png", "robot_0001.png"}


def test_a_picture_of_ones_own_is_never_replaced_nor_removed(meshes, tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    for name in ("mug_0000.png", "holiday.png"):
        Image.new("RGBA", (8, 8), (1, 2, 3, 4)).save(folder / name)
    before = pictures(folder)
    (skipped,) = draw_fronts([meshes], folder, config())
    assert skipped.mesh == "mug_0000"
    assert "was not drawn here; it was left alone" in skipped.reason
    after = pictures(folder)
    assert after.items() >= before.items()
    assert len(after) == len(before) + 2
    draw_fronts([meshes], folder, config(azimuth_deg=(10, 30)))
    assert pictures(folder).items() >= before.items()


def test_fronts_do_not_change_unseen(meshes):
    """Raise FRONTS when this fails for a reason: pictures that were kept are then drawn again."""
    mesh = load_mesh(meshes / "robot_0001.glb")
    drawn = draw_views(mesh, (0.0, 130.0), (5.0, 20.0), config().drawing)
    check_golden(FRONTS, drawn.reshape(2, -1, 4).mean(axis=1) / 255, atol=2e-3)


def test_a_mesh_that_fails_is_skipped_with_its_reason_and_counted(meshes, tmp_path, caplog):
    (meshes / "deeper").mkdir()
    (meshes / "deeper" / "broken.glb").write_bytes(b"no mesh")
    with caplog.at_level(logging.WARNING):
        (skipped,) = draw_fronts([meshes], tmp_path / "images", config())
    assert skipped.mesh == "deeper/broken"
    assert "broken.glb: cannot be read" in skipped.reason
    assert "1 of 4 meshes could not be drawn" in caplog.text
    with (tmp_path / "images" / "sources.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["file"] for row in rows] == ["mug_0000.png", "robot_0001.png", "sign_0000.png"]
    assert {row["licence"] for row in rows} == {"CC0-1.0"}


def test_a_folder_of_nothing_but_broken_meshes_is_an_error(tmp_path):
    (tmp_path / "a.obj").write_text("not a mesh")
    with pytest.raises(InvalidMesh, match=r"1 meshes, none could be drawn\. First reason"):
        draw_fronts([tmp_path], tmp_path / "images", config())


def test_pictures_are_rgba_with_a_whole_object_on_nothing(meshes, tmp_path):
    draw_fronts([meshes], tmp_path / "images", config(size=48))
    with Image.open(tmp_path / "images" / "robot_0001.png") as picture:
        assert (picture.mode, picture.size) == ("RGBA", (48, 48))
        alpha = np.array(picture)[..., 3]
    assert 0.05 < (alpha > 0).mean() < 0.9
    assert not np.concatenate([alpha[0], alpha[-1], alpha[:, 0], alpha[:, -1]]).any()


def test_the_benchmark_has_an_input_and_targets_around_it(meshes):
    rows = draw_benchmark(meshes, config())
    assert len(rows) == 3 * 4
    first = [row for row in rows if row["object_id"] == "robot_0001"]
    assert [row["view"] for row in first] == ["input", "target00", "target01", "target02"]
    assert [row["azimuth_deg"] for row in first] == [0, 0, 90, 180]
    assert first[0]["png"] == first[1]["png"]
    drawn = draw_views(load_mesh(meshes / "robot_0001.glb"), (90.0,), (5.0,), config().drawing)[0]
    np.testing.assert_array_equal(np.array(Image.open(io.BytesIO(first[2]["png"]))), drawn)


def test_a_benchmark_loses_no_object_silently(meshes):
    (meshes / "broken.glb").write_bytes(b"no mesh")
    with pytest.raises(DD3GError, match=r"benchmark objects: .*broken\.glb"):
        draw_benchmark(meshes, config())


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        (lambda: Drawing(size=4), "drawing.size"),
        (lambda: Drawing(reach=1.6), "drawing.reach"),
        (lambda: FrontViews(azimuth_deg=(5, -5), elevation_deg=(0, 0)), "front.azimuth_deg"),
        (lambda: BenchmarkViews(azimuths_deg=(), elevation_deg=0), "benchmark.azimuths_deg"),
        (lambda: ProceduralObjects(count=0, benchmark_count=1), "objects.count"),
        (
            lambda: ProceduralObjects(
                families=("mug",), held_out=("mug",), count=1, benchmark_count=1
            ),
            "objects.held_out",
        ),
    ],
)
def test_a_configuration_out_of_range_names_its_key(wrong, named):
    with pytest.raises(ValueError, match=named.replace(".", r"\.")):
        wrong()
