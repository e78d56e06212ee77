"""What the tests of this folder share."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from tests.benchmark.rtmv_scenes import Scene, write_scene
from tests.known_objects import drawing, protocol_file, saved_student, stored_views, write_boxes

from dd3g_kedro.benchmark.config import EvaluateConfig
from dd3g_kedro.benchmark.truth.stored_views import stored_objects
from dd3g_kedro.benchmark.truth.views import ObjectHandle, Sighting, ring
from dd3g_kedro.core.geometry import CameraRig
from dd3g_kedro.core.student.weights import Student


@pytest.fixture
def config(tmp_path: Path) -> EvaluateConfig:
    return EvaluateConfig(protocol=protocol_file(tmp_path), sheet_objects=2)


@pytest.fixture(scope="session")
def student(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Student:
    return saved_student(project, tmp_path_factory.mktemp("student"))


@pytest.fixture
def sighting() -> Sighting:
    return Sighting(rgba=drawing(), camera=ring([0.0], [5.0], CameraRig()))


@pytest.fixture
def mesh_folder(tmp_path: Path) -> Path:
    return write_boxes(tmp_path / "meshes")


@pytest.fixture
def handles(config: EvaluateConfig, tmp_path: Path) -> Callable[[pd.DataFrame], list[ObjectHandle]]:
    """The objects of a table of views, by way of its file."""
    return lambda table: stored_objects(
        stored_views(table, tmp_path), config.manifest.drawing, config.manifest.ring
    )


@pytest.fixture(scope="session")
def traced_scene(tmp_path_factory) -> Path:
    """A scene of a known object as RTMV stores it."""
    return write_scene(tmp_path_factory.mktemp("rtmv") / "bricks" / "thing", Scene())


@pytest.fixture
def thing(traced_scene, tmp_path) -> Path:
    """A copy that a test may spoil."""
    return Path(shutil.copytree(traced_scene, tmp_path / "bricks" / "thing"))
