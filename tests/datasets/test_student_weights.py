from __future__ import annotations

from pathlib import Path

import pytest
import torch
import yaml
from kedro.io import DatasetError

from dd3g_kedro.core.config_building import build
from dd3g_kedro.core.student.config import StudentConfig
from dd3g_kedro.datasets.student_weights import StudentWeightsDataset

ROOT = Path(__file__).parents[2]


def test_a_student_comes_back_from_the_catalog(tmp_path):
    from dd3g_kedro.core.student.weights import Student

    text = (ROOT / "conf" / "smoke" / "parameters_student.yml").read_text()
    config = build(StudentConfig, yaml.safe_load(text)["student"], "student")
    student = Student.from_config(config, seed=0)
    dataset = StudentWeightsDataset(filepath=str(tmp_path / "folder" / "student.safetensors"))
    assert not dataset.exists()
    dataset.save(student)
    assert dataset.exists()
    loaded = dataset.load()
    assert loaded.config == config
    for name, tensor in loaded.state_dict().items():
        torch.testing.assert_close(tensor, student.state_dict()[name], rtol=1e-3, atol=1e-7)


def test_a_missing_student_is_named(tmp_path):
    dataset = StudentWeightsDataset(filepath=str(tmp_path / "student.safetensors"))
    with pytest.raises(DatasetError, match=r"student\.safetensors: expected a student's weights"):
        dataset.load()


def test_the_shipped_student_stands_in_until_there_is_another(tmp_path):
    from dd3g_kedro.core.student.weights import Student, save_student

    text = (ROOT / "conf" / "smoke" / "parameters_student.yml").read_text()
    config = build(StudentConfig, yaml.safe_load(text)["student"], "student")
    shipped, trained = (Student.from_config(config, seed=seed) for seed in (0, 1))
    path = str(tmp_path / "student.safetensors")
    dataset = StudentWeightsDataset(filepath=path, until_made="shipped.safetensors", half=False)
    assert not dataset.exists()
    save_student(tmp_path / "shipped.safetensors", shipped, half=False)
    assert dataset.exists()
    for student in (shipped, trained):
        loaded = dataset.load().state_dict()
        assert all(torch.equal(loaded[name], t) for name, t in student.state_dict().items())
        dataset.save(trained)
