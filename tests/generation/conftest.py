"""What the tests of this folder share."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.known_objects import saved_student

from dd3g_kedro.core.student.weights import Student
from dd3g_kedro.generation.config import GenerateConfig


@pytest.fixture
def config() -> GenerateConfig:
    return GenerateConfig(pictures={"views": 3, "frames": 4, "size": 32})


@pytest.fixture(scope="session")
def student(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Student:
    return saved_student(project, tmp_path_factory.mktemp("student"))
