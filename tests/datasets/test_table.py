from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from kedro.io import DatasetError
from kedro_datasets.pandas import ParquetDataset

from dd3g_kedro.datasets.table import TableDataset

TABLE = pd.DataFrame({"file": ["a.png", "ü.png"], "parts": pd.array([1, None], dtype="Int64")})


def test_it_writes_the_bytes_that_pandas_writes(tmp_path: Path):
    TableDataset(filepath=str(tmp_path / "a.parquet")).save(TABLE)
    ParquetDataset(filepath=str(tmp_path / "b.parquet")).save(TABLE)
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()
    pd.testing.assert_frame_equal(TableDataset(filepath=str(tmp_path / "a.parquet")).load(), TABLE)


def test_a_full_disk_leaves_the_former_table(tmp_path: Path, monkeypatch):
    dataset = TableDataset(filepath=str(tmp_path / "a.parquet"))
    dataset.save(TABLE)
    before = (tmp_path / "a.parquet").read_bytes()

    def full(_table, path):
        Path(path).write_bytes(before[:10])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pd.DataFrame, "to_parquet", full)
    with pytest.raises(DatasetError, match=r"No space left on device.*a\.parquet"):
        dataset.save(TABLE)
    assert [path.name for path in tmp_path.iterdir()] == ["a.parquet"]
    assert (tmp_path / "a.parquet").read_bytes() == before
