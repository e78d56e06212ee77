"""Objects come whole, with cameras relative to their input, or with a reason why not."""

from __future__ import annotations

import pytest
import torch
from tests.known_objects import SIZE, drawing, png, stored_views, views_table

from dd3g_kedro.benchmark.truth.mesh_views import mesh_objects
from dd3g_kedro.benchmark.truth.stored_views import StoredViews, stored_objects
from dd3g_kedro.benchmark.truth.views import evenly
from dd3g_kedro.core.errors import InvalidImage, InvalidMesh, InvalidShard


def boxes(folder, config, split=None):
    return mesh_objects(folder, split, config.manifest.drawing, config.manifest.ring)


def test_stored_pictures_come_back_to_the_bit(handles):
    truth = handles(views_table(2))[1].load()
    expected = (drawing(1) * 255).round() / 255
    torch.testing.assert_close(truth.sighting.rgba, expected, rtol=0, atol=1e-7)
    assert truth.targets.shape == (4, 4, SIZE, SIZE)


def test_only_azimuths_from_the_input_matter(handles):
    """Turning the whole world about the vertical axis changes nothing."""
    first = handles(views_table(1, front_deg=0))[0].load()
    turned = handles(views_table(1, front_deg=137.5))[0].load()
    assert first.azimuths_deg == turned.azimuths_deg == (0, 90, 180, 270)
    torch.testing.assert_close(first.cameras.world_to_camera, turned.cameras.world_to_camera)


def test_the_view_at_the_inputs_camera_is_not_novel(handles):
    assert handles(views_table(1))[0].load().novel == (False, True, True, True)


@pytest.mark.parametrize(("limit", "expected"), [(None, "abcdef"), (3, "ace"), (9, "abcdef")])
def test_a_limit_spreads_over_the_list(limit, expected):
    assert "".join(evenly("abcdef", limit)) == expected


def test_views_of_another_size_say_what_to_do(handles):
    table = views_table(1)
    table.loc[2, "png"] = png(drawing(size=SIZE // 2))
    with pytest.raises(InvalidImage, match=r"48x48 .*drawing\.size.*24x24.*evaluate\.protocol"):
        handles(table)[0].load()


@pytest.mark.parametrize("damage", [b"", b"<html>", png(drawing())[:200]])
def test_a_damaged_view_is_an_invalid_image(handles, damage):
    table = views_table(1)
    table.loc[1, "png"] = damage
    with pytest.raises(InvalidImage, match="no readable PNG"):
        handles(table)[0].load()


def test_an_object_without_input_is_an_invalid_image(handles):
    table = views_table(1)
    with pytest.raises(InvalidImage, match="one view named 'input'"):
        handles(table[table["view"] != "input"])[0].load()


def test_an_empty_table_says_how_to_get_views(handles):
    with pytest.raises(InvalidShard, match=r"no rows.*dvc pull"):
        handles(views_table(0))


def test_a_file_that_holds_no_views_is_told(config, tmp_path):
    path, frame = tmp_path / "views.parquet", (config.manifest.drawing, config.manifest.ring)
    with pytest.raises(InvalidShard, match=r"views\.parquet: .*found no file.*dvc pull"):
        stored_objects(StoredViews(path), *frame)
    whole = stored_views(views_table(1), tmp_path).path.read_bytes()
    path.write_bytes(whole[:-50])
    with pytest.raises(InvalidShard, match="damaged"):
        stored_objects(StoredViews(path), *frame)
    views_table(1).drop(columns="png").to_parquet(path)
    with pytest.raises(InvalidShard, match="no column png"):
        stored_objects(StoredViews(path), *frame)


def test_views_from_elsewhere_are_not_the_protocols(handles):
    for column, place, value in (("azimuth_deg", 2, 91.0), ("elevation_deg", 0, 6.0)):
        table = views_table(1)
        table.loc[place, column] = value
        with pytest.raises(InvalidImage, match=r"the protocol has azimuths \[0.*elevation 5"):
            handles(table)[0].load()
    with pytest.raises(InvalidImage, match=r"the protocol has azimuths"):
        handles(views_table(1).head(4))[0].load()


def test_a_mesh_seen_from_its_input_equals_the_first_view(config, mesh_folder):
    truth = boxes(mesh_folder, config)[0].load()
    torch.testing.assert_close(truth.sighting.rgba, truth.targets[0], rtol=0, atol=0)
    assert 0.05 < float(truth.sighting.rgba[3].mean()) < 0.6
    assert (truth.targets[1] - truth.targets[0]).abs().max() > 0.1


def test_a_split_keeps_its_members(config, mesh_folder):
    handles = boxes(mesh_folder, config, "test")
    assert [handle.name for handle in handles] == ["boxes/box1"]


def test_an_unknown_split_is_told(config, mesh_folder):
    with pytest.raises(InvalidMesh, match=r"the split 'val'.*correct evaluate\.split"):
        boxes(mesh_folder, config, "val")


def test_a_split_needs_a_catalogue(config, mesh_folder):
    (mesh_folder / "catalog.csv").unlink()
    with pytest.raises(InvalidMesh, match=r"catalog\.csv, which knows for them: none"):
        boxes(mesh_folder, config, "test")


def test_folders_without_meshes_are_told(config, tmp_path):
    with pytest.raises(InvalidMesh, match=r"expected a folder with meshes .*none in it"):
        boxes(tmp_path, config)
    with pytest.raises(InvalidMesh, match="no such folder"):
        boxes(tmp_path / "absent", config)


def test_a_broken_mesh_fails_only_when_its_turn_comes(config, mesh_folder):
    (mesh_folder / "boxes" / "box0.glb").write_bytes(b"glTF, but not really")
    handles = boxes(mesh_folder, config)
    with pytest.raises(InvalidMesh, match=r"box0\.glb"):
        handles[0].load()
    handles[1].load()
