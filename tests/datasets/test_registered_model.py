from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from kedro.io import DatasetError

from dd3g_kedro.datasets.registered_model import RegisteredModelDataset
from dd3g_kedro.registry.release import StudentRelease


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


def test_of_many_methods_the_students_own_numbers_are_kept(weights: Path, tracked_run):
    dataset = RegisteredModelDataset(name="dd3g-student")
    dataset.save(release(weights))
    registry = dataset.load()
    numbers = {f"novel_aligned_metric{k}": k / 7 for k in range(22)}
    own = {"protocol": {"id": "demo-1"}, "student": numbers, "failed": 0}
    registry.record_evaluation("1", own | {f"method{k}": numbers for k in range(9)})
    assert registry.evaluation("1") == own
    with pytest.raises(DatasetError, match="do not fit"):
        registry.record_evaluation("1", {"student": {f"{k}": "x" * 100 for k in range(60)}})


def test_without_a_tracked_run_nothing_is_registered(weights: Path, caplog):
    with caplog.at_level("INFO"):
        RegisteredModelDataset(name="dd3g-student").save(release(weights))
    assert "tracking is off" in caplog.text


@pytest.fixture
def shipped(tmp_path: Path) -> Path:
    folder = tmp_path / "initial"
    folder.mkdir()
    (folder / "student.safetensors").write_bytes(b"shipped weights")
    (folder / "MODEL_CARD.md").write_text("# As shipped")
    (folder / "metrics.json").write_text('{"student": {"psnr": 19.5}}')
    return folder


def test_the_shipped_weights_are_the_first_champion_and_registered_once(
    weights: Path, shipped: Path, tracked_run
):
    dataset = RegisteredModelDataset(name="dd3g-student", shipped=str(shipped))
    dataset.save(release(weights))
    registry = dataset.load()
    shipped_version = registry.version_of(hashlib.sha256(b"shipped weights").hexdigest())
    assert shipped_version == "1"
    assert registry.champion() == "1"
    assert registry.evaluation("1") == {"student": {"psnr": 19.5}}
    card = tracked_run.client.get_model_version("dd3g-student", "1").description
    assert card == "# As shipped"
    registry.promote("2")
    dataset.save(release(weights))
    assert registry.champion() == "2"  # it stays the better one's
    assert len(tracked_run.client.search_model_versions("name='dd3g-student'")) == 3


def test_shipped_weights_without_a_card_say_what_to_do(shipped: Path, tracked_run):
    (shipped / "MODEL_CARD.md").unlink()
    with pytest.raises(DatasetError, match=r"initial: expected MODEL_CARD\.md.*git checkout"):
        RegisteredModelDataset(name="dd3g-student", shipped=str(shipped)).load()


def test_a_project_without_shipped_weights_has_no_champion(tmp_path: Path, tracked_run):
    dataset = RegisteredModelDataset(name="dd3g-student", shipped=str(tmp_path / "none"))
    assert dataset.load().champion() is None
