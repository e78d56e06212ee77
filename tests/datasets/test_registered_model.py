from __future__ import annotations

import hashlib
import subprocess
import sys
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
    registry = dataset.load()
    assert registry.version_of(hashlib.sha256(b"weights").hexdigest()) == "1"
    with pytest.raises(DatasetError, match="found none among 1"):
        registry.version_of("0" * 64)


def test_the_same_weights_are_registered_once(weights: Path, tracked_run, caplog):
    dataset = RegisteredModelDataset(name="dd3g-student")
    with caplog.at_level("INFO"):
        for _ in range(2):
            dataset.save(release(weights))
    assert "dd3g-student version 1 has these weights already" in caplog.text
    assert len(tracked_run.client.search_model_versions("name='dd3g-student'")) == 1


def test_doubled_numbers_of_a_run_do_not_hinder_its_model(weights: Path, tracked_run):
    """MLflow would copy those of step 0 to the model, and break its table's key."""
    from mlflow.entities import Metric

    doubled = [Metric("loss", value, 1_000, 0) for value in (1.0, 2.0)]
    tracked_run.client.log_batch(tracked_run.run_id, metrics=doubled)
    RegisteredModelDataset(name="dd3g-student").save(release(weights))
    experiment = tracked_run.client.get_run(tracked_run.run_id).info.experiment_id
    (model,) = tracked_run.client.search_logged_models([experiment])
    assert {metric.key: metric.value for metric in model.metrics} == {"training.loss": 0.25}


def test_a_store_that_takes_no_version_is_a_sentence_and_the_weights_stay(
    weights: Path, tracked_run, monkeypatch
):
    import mlflow
    from mlflow.exceptions import MlflowException

    def refuse(**_: object) -> None:
        raise MlflowException("the store is full\nand more of it")

    monkeypatch.setattr(mlflow.pyfunc, "log_model", refuse)
    with pytest.raises(DatasetError, match=r"student.safetensors: the store is full\. The weights"):
        RegisteredModelDataset(name="dd3g-student").save(release(weights))
    assert weights.read_bytes() == b"weights"
    monkeypatch.undo()
    RegisteredModelDataset(name="dd3g-student").save(release(weights))
    assert len(tracked_run.client.search_model_versions("name='dd3g-student'")) == 1


_REGISTER = """
import sys, mlflow
from pathlib import Path
from dd3g_kedro.datasets.registered_model import RegisteredModelDataset
from dd3g_kedro.registry.release import StudentRelease
mlflow.set_tracking_uri(sys.argv[1])
with mlflow.start_run(experiment_id=sys.argv[2]):
    release = StudentRelease(weights=Path(sys.argv[3]), card="# A student")
    RegisteredModelDataset(name="dd3g-student").save(release)
"""


@pytest.mark.slow
def test_two_processes_that_register_at_once_both_end_well(weights: Path, tracked_run):
    import mlflow

    experiment = tracked_run.client.get_run(tracked_run.run_id).info.experiment_id
    told = (mlflow.get_tracking_uri(), experiment, str(weights))
    command = [sys.executable, "-c", _REGISTER, *told]
    both = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.communicate()[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert len(tracked_run.client.search_model_versions("name='dd3g-student'")) == 1


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
    assert len(tracked_run.client.search_model_versions("name='dd3g-student'")) == 2
    runs = [tracked_run.client.get_model_version("dd3g-student", n).run_id for n in ("1", "2")]
    assert runs[1] == tracked_run.run_id != runs[0]  # what is shipped is not this run's work
    assert tracked_run.client.get_run(runs[0]).info.run_name == "shipped student"


def test_shipped_weights_without_a_card_say_what_to_do(shipped: Path, tracked_run):
    (shipped / "MODEL_CARD.md").unlink()
    with pytest.raises(DatasetError, match=r"initial: expected MODEL_CARD\.md.*git checkout"):
        RegisteredModelDataset(name="dd3g-student", shipped=str(shipped)).load()


def test_a_project_without_shipped_weights_has_no_champion(tmp_path: Path, tracked_run):
    dataset = RegisteredModelDataset(name="dd3g-student", shipped=str(tmp_path / "none"))
    assert dataset.load().champion() is None
