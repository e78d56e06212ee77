from __future__ import annotations

from pathlib import Path

import pytest
from kedro.io import DatasetError
from tests.fakes import tiny_teacher

from dd3g_kedro.core.errors import MissingWeights
from dd3g_kedro.datasets.teacher_folder import TeacherDataset, TeacherOnDemandDataset


def test_a_teacher_on_demand_is_read_when_it_is_called(tmp_path: Path):
    dataset = TeacherOnDemandDataset(filepath=str(tmp_path / "teacher"))
    load_teacher = dataset.load()  # nothing is there yet
    assert not dataset.exists()
    with pytest.raises(MissingWeights, match="teacher"):
        load_teacher()
    TeacherDataset(filepath=str(tmp_path / "teacher")).save(tiny_teacher())
    assert dataset.exists()
    assert load_teacher().latent_shape == tiny_teacher().latent_shape


def test_a_teacher_on_demand_is_not_written(tmp_path: Path):
    with pytest.raises(DatasetError, match="only reads"):
        TeacherOnDemandDataset(filepath=str(tmp_path / "teacher")).save(tiny_teacher())
