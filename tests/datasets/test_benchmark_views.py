"""Saved views come back object by object; a missing file is told when it is needed."""

from __future__ import annotations

import pandas as pd
import pytest
from tests.known_objects import views_table

from dd3g_kedro.core.errors import InvalidShard
from dd3g_kedro.datasets.benchmark_views import BenchmarkViewsDataset


def test_objects_come_back_one_by_one_and_to_the_bit(tmp_path):
    table = views_table(30)  # more than one row group
    dataset = BenchmarkViewsDataset(filepath=str(tmp_path / "views.parquet"))
    dataset.save(table)
    stored = dataset.load()
    assert stored.names() == [f"object{k}" for k in range(30)]
    for name in ("object0", "object17", "object29"):
        expected = table[table["object_id"] == name].reset_index(drop=True)
        pd.testing.assert_frame_equal(stored.rows(name), expected)


def test_the_same_views_give_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        BenchmarkViewsDataset(filepath=str(tmp_path / name)).save(views_table(2))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_missing_file_is_told_only_when_objects_are_asked_for(tmp_path):
    dataset = BenchmarkViewsDataset(filepath=str(tmp_path / "views.parquet"))
    assert not dataset.exists()
    stored = dataset.load()
    with pytest.raises(InvalidShard, match=r"views\.parquet: .*dvc pull"):
        stored.names()
