"""A release in miniature to a teacher's folder, through the pipeline."""

from __future__ import annotations

import torch
from kedro.io import DataCatalog, MemoryDataset
from kedro.runner import SequentialRunner
from tests.released.test_conversion import configured, folder, sampled, unet  # noqa: F401
from tests.teacher_fixtures import randomise, tiny_config  # noqa: F401

from dd3g_kedro.datasets.teacher_folder import TeacherDataset
from dd3g_kedro.pipelines.convert import create_pipeline
from dd3g_kedro.released.conversion import released_teacher


def test_a_release_becomes_a_teachers_folder(tmp_path, folder):  # noqa: F811
    origin = configured(folder)
    catalog = DataCatalog(
        {
            "params:teacher": MemoryDataset(origin, copy_mode="assign"),
            "teacher": TeacherDataset(filepath=str(tmp_path / "teacher")),
        }
    )
    SequentialRunner().run(create_pipeline(), catalog)
    stored = catalog.load("teacher")
    assert len(stored.fingerprint) == 64
    released = released_teacher(origin)
    torch.testing.assert_close(sampled(stored), sampled(released), atol=0.05, rtol=0.05)  # float16
