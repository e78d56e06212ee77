"""The collect pipeline in memory, with the numbers of the environment smoke."""

from __future__ import annotations

from pathlib import Path

import pytest
import trimesh
import yaml
from kedro.io import DataCatalog, MemoryDataset
from kedro.runner import SequentialRunner

from dd3g_kedro.objects.config import CollectConfig
from dd3g_kedro.pictures.config import InspectionConfig
from dd3g_kedro.pictures.folder_inspection import inspect_folder
from dd3g_kedro.pictures.sources import read_sources
from dd3g_kedro.pipelines.collect import create_pipeline


def merged(low: dict, high: dict) -> dict:
    """As Kedro's soft merge does it."""
    both = {
        k: merged(low[k], high[k]) for k in low.keys() & high.keys() if isinstance(high[k], dict)
    }
    return low | high | both


def parameters(project: Path, environment: str) -> dict:
    files = [project / "conf" / e / "parameters_collect.yml" for e in ("base", environment)]
    base, over = (yaml.safe_load(f.read_text())["collect"] if f.is_file() else {} for f in files)
    return merged(base, over)


def run(project: Path, folder: Path, **changes: object) -> dict:
    """Run it into a folder."""
    config = CollectConfig(**parameters(project, "smoke") | changes)
    places = {
        "procedural_objects_destination": folder / "objects",
        "benchmark_objects_destination": folder / "benchmark",
        "collected_images_destination": folder / "images",
    }
    catalog = DataCatalog(
        {name: MemoryDataset(place) for name, place in places.items()}
        | {"params:collect": MemoryDataset(config, copy_mode="assign")}
    )
    outputs = SequentialRunner().run(create_pipeline(), catalog)
    return {name: dataset.load() for name, dataset in outputs.items()}


def content(folder: Path) -> dict[str, bytes]:
    return {
        p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()
    }


def test_the_same_configuration_gives_the_same_bytes(project, tmp_path):
    first, second = (run(project, tmp_path / name) for name in ("one", "two"))
    assert content(tmp_path / "one") == content(tmp_path / "two")
    assert first["benchmark_views"].equals(second["benchmark_views"])


def test_it_makes_what_validate_and_evaluate_read(project, tmp_path):
    outputs = run(project, tmp_path)
    views = outputs["benchmark_views"]
    assert list(views.columns) == ["object_id", "view", "azimuth_deg", "elevation_deg", "png"]
    assert (views.groupby("object_id").size() == 5).all()
    assert len(outputs["skipped_meshes"]) == 0
    images = outputs["collected_images"]
    rows = inspect_folder(images, tmp_path / "journal", InspectionConfig(workers=1))
    sources = read_sources(images)
    assert {row.file for row in rows} == set(sources)
    assert len(rows) == 4
    assert {source.licence for source in sources.values()} == {"CC0-1.0"}
    assert {source.prompt for source in sources.values()} == {"chair", "mug"}


def test_any_folder_of_meshes_is_drawn_instead(project, tmp_path):
    meshes = tmp_path / "my meshes" / "toys"
    meshes.mkdir(parents=True)
    trimesh.creation.icosphere().export(meshes / "ball.obj")
    (meshes / "broken.glb").write_bytes(b"glTF")
    outputs = run(project, tmp_path, meshes=str(tmp_path / "my meshes"))
    assert [p.name for p in outputs["collected_images"].rglob("*.png")] == ["ball.png"]
    (skipped,) = outputs["skipped_meshes"].to_dict("records")
    assert skipped["mesh"] == "toys/broken"
    assert "broken.glb" in skipped["reason"]


@pytest.mark.parametrize("environment", ["base", "smoke", "paper"])
def test_every_environments_parameters_build(project, environment):
    assert CollectConfig(**parameters(project, environment)).drawing.size >= 64


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        (
            {"drawing": {"sise": 64}},
            r"CollectConfig\.drawing\.sise is not a known key; did you mean",
        ),
        ({"workers": 0}, r"CollectConfig\.workers"),
        (
            {"front": {"azimuth_deg": [3, 1], "elevation_deg": [0, 0]}},
            r"CollectConfig\.front\.azimuth_deg",
        ),
    ],
)
def test_wrong_parameters_name_their_key(project, wrong, named):
    with pytest.raises(ValueError, match=named):
        CollectConfig(**parameters(project, "smoke") | wrong)
