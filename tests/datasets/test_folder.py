from __future__ import annotations

from pathlib import Path

import pytest
from kedro.io import DatasetError

from dd3g_kedro.datasets.folder import FolderDataset
from dd3g_kedro.datasets.image_decisions import ImageDecisionsDataset


def folder(path: Path, **options) -> FolderDataset:
    return FolderDataset(filepath=str(path), key="meshes", what="meshes", **options)


def test_a_folder_is_its_path(tmp_path: Path):
    dataset = folder(tmp_path)
    assert dataset.load() == tmp_path
    assert dataset.exists()


@pytest.mark.parametrize("made", ["nothing", "a file"])
def test_a_missing_folder_names_the_catalog_entry_and_what_came(tmp_path: Path, made: str):
    if made == "a file":
        (tmp_path / "x").write_text("")
    with pytest.raises(DatasetError, match=f"catalog entry meshes: .*meshes at .*x, found {made}"):
        folder(tmp_path / "x").load()
    assert not folder(tmp_path / "x").exists()


def test_a_destination_is_made_and_may_be_missing_before_a_run(tmp_path: Path):
    destination = folder(tmp_path / "a" / "b", create=True)
    assert destination.may_be_missing
    assert not folder(tmp_path).may_be_missing
    assert destination.load().is_dir()


def test_only_the_folder_itself_is_taken_as_written(tmp_path: Path):
    (tmp_path / "x").mkdir()
    folder(tmp_path / "x").save(tmp_path / "." / "x")
    for other in (tmp_path, tmp_path / "missing"):
        with pytest.raises(DatasetError, match=f"it wrote to {other}"):
            folder(tmp_path / "x").save(other)
    with pytest.raises(DatasetError, match="Give the node the catalog's folder"):
        folder(tmp_path / "missing").save(tmp_path / "missing")


def test_decisions_are_only_read(tmp_path: Path):
    dataset = ImageDecisionsDataset(filepath=str(tmp_path / "decisions.csv"))
    assert dataset.load() == []
    with pytest.raises(DatasetError, match="written by people"):
        dataset.save([])


def test_an_optional_folder_is_given_by_its_path_but_a_file_is_refused(tmp_path):
    path = tmp_path / "reports"
    optional = FolderDataset(filepath=str(path), key="reports", optional=True)
    assert optional.may_be_missing
    assert optional.load() == path
    assert not path.exists()
    path.write_text("")
    with pytest.raises(DatasetError, match="found a file"):
        optional.load()
