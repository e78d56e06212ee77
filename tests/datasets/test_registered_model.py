from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from kedro.io import DatasetError

from dd3g_kedro.core.promotion.release import StudentRelease
from dd3g_kedro.datasets.registered_model import RegisteredModelDataset


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / "student.safetensors"
    path.write_bytes(b"weights")
    return path


def release(weights: Path) -> StudentRelease:
    return StudentRelease(weights=weights, card="# A student", metrics={"loss": 0.25})


def test_each_release_is_a_version_with_card_metrics_and_fingerprint(weights: Path, tracked_run):
    dataset = RegisteredModelDataset(name="dd3g-student")
    dataset.save(release(weights))
    weights.write_bytes(b"other weights")
    dataset.save(release(weights))
    versions = {
        str(v.version): v for v in tracked_run.client.search_model_versions("name='dd3g-student'")
    }
    first = versions["1"]
    assert len(versions) == 2
    assert first.description == "# A student"
    assert first.tags["student_fingerprint"] == hashlib.sha256(b"weights").hexdigest()
    assert first.tags["training.loss"] == "0.25"
    assert first.run_id == tracked_run.run_id


def test_a_version_carries_its_weights_and_the_code_that_reads_them(weights: Path, tracked_run):
    import mlflow

    RegisteredModelDataset(name="dd3g-student").save(release(weights))
    folder = Path(mlflow.artifacts.download_artifacts("models:/dd3g-student/1"))
    assert (folder / "artifacts" / "student.safetensors").read_bytes() == b"weights"
    assert (folder / "code" / "dd3g_kedro" / "core" / "student" / "weights.py").is_file()
    requirements = (folder / "requirements.txt").read_text()
    assert "torch==" in requirements
    assert "dd3g" not in requirements  # it comes along as code


def test_versions_are_found_by_their_weights(weights: Path, tracked_run):
    dataset = RegisteredModelDataset(name="dd3g-student")
    dataset.save(release(weights))
    dataset.save(release(weights))  # the same weights again: the newer version counts
    registry = dataset.load()
    assert registry.version_of(hashlib.sha256(b"weights").hexdigest()) == "2"
    with pytest.raises(DatasetError, match="found none among 2"):
        registry.version_of("0" * 64)


def test_an_evaluation_comes_back_and_the_alias_moves(weights: Path, tracked_run):
    dataset = RegisteredModelDataset(name="dd3g-student")
    dataset.save(release(weights))
    registry = dataset.load()
    assert registry.champion() is None
    metrics = {"protocol": {"size": 32}, "student": {"psnr": 20.5}}
    registry.record_evaluation("1", metrics)
    assert registry.evaluation("1") == metrics
    registry.promote("1")
    assert registry.champion() == "1"


def test_without_a_tracked_run_nothing_is_registered(weights: Path, caplog):
    with caplog.at_level("INFO"):
        RegisteredModelDataset(name="dd3g-student").save(release(weights))
    assert "tracking is off" in caplog.text
