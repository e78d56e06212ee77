"""The ablate pipeline in memory, at toy size."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from kedro.config import OmegaConfigLoader
from kedro.io import DataCatalog, MemoryDataset
from kedro.runner import SequentialRunner
from tests.ablation.toys import (
    OBJECTIVE,
    STUDENT,
    ablate_config,
    evaluate_config,
    small_views,
    true_views_in,
)
from tests.fakes import TINY_SAMPLING, tiny_quadruples, tiny_student

from dd3g_kedro.ablation.config import ROWS, TABLES
from dd3g_kedro.datasets.ablation_run import RowLogDataset, RowResultDataset
from dd3g_kedro.datasets.folder import FolderDataset
from dd3g_kedro.datasets.quadruple_shards import QuadrupleShardsDataset
from dd3g_kedro.pictures.input_images import pictures_in
from dd3g_kedro.pipelines.ablate import create_pipeline

SHARED = {
    "ablation_held_out_images": "held_out_images",
    "ablation_held_out": "held_out",
    "ablation_white": "white",
    "ablation_stylised_images": "stylised_images",
    "ablation_stylised": "stylised",
}


def catalog_in(folder: Path) -> DataCatalog:
    shards, images, teacher = tiny_quadruples(folder, count=2)
    table = pd.DataFrame(
        {
            "image_id": [*images, "gone"],
            "file": [*(path.name for path in images.values()), "gone.png"],
            "accepted": [True, True, False],
        }
    )
    kept = {
        "quadruples": shards,
        "collected_images": folder / "images",
        "image_table": table,
        "teacher": teacher,
        "student": tiny_student(),
        "benchmark_views": small_views(folder),
        "training_views": true_views_in(folder),
        "params:ablate": ablate_config(),
        "params:student": STUDENT,
        "params:objective": OBJECTIVE,
        "params:evaluate": evaluate_config(folder),
        "params:sampling": TINY_SAMPLING,
    }
    entries = {name: MemoryDataset(value, copy_mode="assign") for name, value in kept.items()}
    for name, place in SHARED.items():
        path = str(folder / place)
        kind = FolderDataset if place.endswith("images") else QuadrupleShardsDataset
        extra = {"key": name} if kind is FolderDataset else {}
        entries[name] = kind(filepath=path, **extra)
        entries[f"{name}_destination"] = FolderDataset(filepath=path, key=name, create=True)
    for row in ROWS:
        place = folder / "rows" / row
        entries[f"{row}.ablation_checkpoints"] = FolderDataset(
            filepath=str(folder / "checkpoints" / row), key=row, create=True
        )
        entries[f"{row}.ablation_log"] = RowLogDataset(filepath=str(place / "steps.jsonl"))
        entries[f"{row}.ablation_result"] = RowResultDataset(
            filepath=str(place), weights=str(folder / "weights" / f"{row}.safetensors")
        )
    for table in (*TABLES, "method"):
        for part in ("rows", "pairs", "markdown", "figure"):
            entries[f"{table}.ablation_{part}"] = MemoryDataset(copy_mode="assign")
    for name in ("interpolation", "diversity"):
        for part in ("measures", "strip"):
            entries[f"{name}_{part}"] = MemoryDataset(copy_mode="assign")
    return DataCatalog(entries)


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> tuple[Path, DataCatalog]:
    folder = tmp_path_factory.mktemp("ablate")
    catalog = catalog_in(folder)
    wanted = create_pipeline().only_nodes_with_namespaces(
        [
            *("held_out", "on_white", "stylised"),
            *("explicit", "pepd", "tgs", "synthetic_40", "true_views"),
        ]
    )
    SequentialRunner().run(wanted, catalog)
    return folder, catalog


def test_a_row_runs_alone_by_its_namespace(made):
    folder, catalog = made
    assert {path.name for path in (folder / "rows").iterdir()} == {
        *("explicit", "pepd", "tgs", "synthetic_40", "true_views")
    }
    result = catalog.load("explicit.ablation_result")
    assert result.document["training"]["quadruples"] == 4
    assert (folder / "rows/explicit/sheet.png").is_file()
    assert catalog.load("pepd.ablation_result").document["same_as"] == "explicit"
    assert [r["step"] for r in catalog.load("explicit.ablation_log").records()] == [0, 1]


def test_a_row_that_is_run_again_is_not_trained_again_and_ends_with_the_same_bytes(made):
    folder, catalog = made
    files = [folder / f"rows/explicit/{name}" for name in ("result.json", "sheet.png")]
    files.append(folder / "weights/explicit.safetensors")
    before = [path.read_bytes() for path in files]
    steps = (folder / "rows/explicit/steps.jsonl").read_bytes()
    SequentialRunner().run(create_pipeline().only_nodes_with_namespaces(["explicit"]), catalog)
    assert before == [path.read_bytes() for path in files]
    assert steps == (folder / "rows/explicit/steps.jsonl").read_bytes()


def test_held_out_images_get_several_objects_each(made):
    shards = made[1].load("ablation_held_out")
    rows = [shards[i] for i in range(len(shards))]
    pictures = pictures_in(made[0] / "held_out_images")
    assert {pictures[row.image_id].name for row in rows} == {"object0.png", "object1.png"}
    assert len({row.seed for row in rows}) == len(rows) == 4


def test_white_quadruples_are_the_rendered_ones_over_white(made):
    catalog = made[1]
    white, random = catalog.load("ablation_white"), catalog.load("quadruples")
    pairs = [(white[i], random[i]) for i in range(len(random))]
    assert len(white) == len(random)
    for one, other in pairs:
        assert (one.image_id, one.seed) == (other.image_id, other.seed)
        assert one.background == (1, 1, 1) != other.background
        assert one.output_images != other.output_images


def test_synthetic_rows_learn_from_stylised_images_alone(made):
    folder, catalog = made
    assert len(list((folder / "stylised_images").glob("*.png"))) == 4  # two of each picture
    document = catalog.load("synthetic_40.ablation_result").document
    assert document["training"]["quadruples"] == 4  # half of the images, two seeds each
    assert document["settings"]["quadruples"]["rendered"] == 0


def test_the_bound_learns_from_true_views_and_reads_no_quadruples_but_the_held_out(made):
    document = made[1].load("true_views.ablation_result").document
    assert document["settings"]["quadruples"] is None
    assert document["training"]["quadruples"] == 16
    read = create_pipeline().only_nodes_with_namespaces(["true_views"]).inputs()
    assert "training_views" in read
    assert not read & {"quadruples", "collected_images", "ablation_white", "ablation_stylised"}


def test_tables_gather_whatever_rows_have_results(made):
    catalog = made[1]
    SequentialRunner().run(create_pipeline().only_nodes_with_namespaces(["tables"]), catalog)
    third = catalog.load("III.ablation_rows").set_index("row")
    assert third.loc["explicit", "psnr"] == pytest.approx(
        catalog.load("explicit.ablation_result").document["metrics"]["psnr"], abs=1e-4
    )
    assert pd.isna(third.loc["joint", "psnr"])
    second = catalog.load("II.ablation_rows").set_index("row")
    assert second.loc["pepd", "psnr"] == third.loc["explicit", "psnr"]
    assert "cannot be judged yet" in catalog.load("III.ablation_markdown")
    assert set(catalog.load("method.ablation_pairs")["verdict"]) >= {"not run"}
    assert catalog.load("IV.ablation_figure").width > 500


def test_pictures_of_the_trained_student(made):
    catalog = made[1]
    wanted = create_pipeline().only_nodes_with_namespaces(["interpolation", "diversity"])
    SequentialRunner().run(wanted, catalog)
    way = catalog.load("interpolation_measures")["ways"]["object0 to object1"]
    assert way["steps"] == 8
    assert catalog.load("interpolation_strip").size == (11 * 128, 2 * 128)
    varied = catalog.load("diversity_measures")
    manifest = catalog.load("params:evaluate").manifest
    protocol = {"id": manifest.id, "digest": manifest.digest}
    assert catalog.load("interpolation_measures")["protocol"] == protocol
    assert varied["protocol"] == protocol
    assert set(varied["images"]) == {"object0", "object1"}
    assert varied["mean"]["teacher_spread"] > 0.01
    assert catalog.load("diversity_strip").size == (8 * 96, 2 * 3 * 96)


def test_every_row_has_a_namespace_of_its_own_and_writes_no_other_rows_files():
    pipeline = create_pipeline()
    for row, table in ROWS.items():
        nodes = pipeline.only_nodes_with_namespaces([row]).nodes
        assert all(name.startswith(f"{row}.") for node in nodes for name in node.outputs)
        assert {f"table_{table}"} == set().union(*(node.tags for node in nodes))
    reading = {
        name
        for name in ROWS
        if "ablation_stylised" in pipeline.filter(node_namespaces=[name]).inputs()
    }
    assert reading == set(TABLES["IV"])


@pytest.mark.parametrize(
    ("params", "place"), [({}, "ablation"), ({"ablation": "method"}, "method")]
)
def test_what_is_reported_lies_in_the_folder_that_is_told(project, params, place):
    loader = OmegaConfigLoader(
        str(project / "conf"), base_env="base", default_run_env="base", runtime_params=params
    )
    files = {name: entry["filepath"] for name, entry in loader["catalog"].items() if "ablat" in name
             or name.startswith(("interpolation", "diversity"))}  # fmt: skip
    reported = {file for file in files.values() if "08_reporting" in file}
    assert len(reported) > 8
    assert all(f"{file}/".startswith(f"data/08_reporting/{place}/") for file in reported)
    assert files["{row}.ablation_checkpoints"] == "data/06_models/checkpoints/ablation/{row}"
