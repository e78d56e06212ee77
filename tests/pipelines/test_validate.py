"""The validate pipeline in memory: a folder in, table, page and decisions out."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from kedro.io import DataCatalog
from kedro.runner import SequentialRunner
from tests.known_pictures import disc, hostile_pictures, save

from dd3g_kedro.core.errors import InvalidImage
from dd3g_kedro.pictures.config import ValidateConfig
from dd3g_kedro.pipelines.validate import create_pipeline


@pytest.fixture
def run(project: Path, tmp_path: Path):
    """Run the pipeline on a folder with the project's own catalog, its data elsewhere."""
    from kedro.config import OmegaConfigLoader

    def validate(images: Path, **options: object) -> pd.DataFrame:
        loader = OmegaConfigLoader(
            str(project / "conf"),
            base_env="base",
            default_run_env="base",
            runtime_params={"images": str(images)},
        )
        mine = [n for n in create_pipeline().datasets() if not n.startswith("params:")]
        entries = {name: loader["catalog"][name] for name in mine}
        for entry in entries.values():
            entry["filepath"] = str(tmp_path / Path(entry["filepath"]))
        catalog = DataCatalog.from_config(entries)
        catalog["params:validate"] = ValidateConfig(**options)  # type: ignore[arg-type]
        SequentialRunner().run(create_pipeline(), catalog)
        return pd.read_parquet(tmp_path / "data/03_primary/image_table.parquet")

    return validate


@pytest.fixture
def images(tmp_path: Path) -> Path:
    for seed in range(3):
        save(disc(96, seed=seed), tmp_path / "images" / f"{seed}.png")
    (tmp_path / "images" / "sources.csv").write_text("file,licence\n0.png,CC0-1.0\n")
    return tmp_path / "images"


def test_a_folder_of_hostile_pictures_becomes_a_table_and_a_page(run, images, tmp_path):
    hostile = hostile_pictures(images / "hostile")
    table = run(images)
    assert len(table) == 3 + len(hostile)
    assert table[table["accepted"]]["file"].tolist() == ["0.png", "1.png", "2.png"]
    assert table["licence"].tolist().count("CC0-1.0") == 1
    page = (tmp_path / "data/08_reporting/images/index.html").read_text("utf-8")
    for file in table["file"]:
        assert f'"{file}"' in page
    assert page.count("data:image/webp;base64,") == table["image_id"].notna().sum()


def test_the_same_folder_gives_the_same_bytes(run, images, tmp_path):
    hostile_pictures(images / "hostile")
    written = []
    for _ in range(2):
        run(images)
        outputs = ("03_primary/image_table.parquet", "08_reporting/images/index.html")
        written.append([(tmp_path / "data" / output).read_bytes() for output in outputs])
    assert written[0] == written[1]


def test_an_edited_decision_changes_the_next_table(run, images, tmp_path):
    first = run(images)
    (tmp_path / "data/03_primary/decisions.csv").write_text(
        f"image_id,decision,note,by\n{first['image_id'][1]},reject,too plain,Ada\n"
    )
    table = run(images)
    assert table["accepted"].tolist() == [True, False, True]
    assert table["decided_by"].tolist() == ["expectations", "Ada", "expectations"]


def test_a_bad_decision_stops_the_run_and_names_its_line(run, images, tmp_path):
    run(images)
    (tmp_path / "data/03_primary/decisions.csv").write_text("image_id,decision\nx,maybe\n")
    with pytest.raises(Exception, match=r"decisions\.csv, line 2: decision must be accept"):
        run(images)


def test_a_folder_without_pictures_stops_the_run(run, tmp_path):
    (tmp_path / "nothing").mkdir()
    with pytest.raises(InvalidImage, match="expected a folder with pictures"):
        run(tmp_path / "nothing")


def test_a_missing_folder_stops_the_run_and_names_the_catalog_entry(run, tmp_path):
    with pytest.raises(Exception, match=r"collected_images.*expected a folder of RGBA pictures"):
        run(tmp_path / "missing")


def test_an_unknown_key_names_itself():
    with pytest.raises(ValueError, match=r"ValidateConfig\.criteria\.min_sides.*min_side"):
        ValidateConfig(criteria={"min_sides": 3})  # type: ignore[arg-type]
