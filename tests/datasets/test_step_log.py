from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest
from PIL import Image

from dd3g_kedro.datasets.step_log import StepLog, StepLogDataset


@pytest.fixture
def log(tmp_path: Path) -> StepLog:
    return StepLog(tmp_path / "distill" / "steps.jsonl")


def test_lines_come_back_in_order(log: StepLog):
    for step in (0, 10, 20):
        log.append(step, {"loss": 1.0 / (step + 1)})
    assert [record["step"] for record in log.records()] == [0, 10, 20]
    assert next(log.records())["loss"] == 1.0


def reports(*steps: int) -> list[dict[str, float]]:
    return [{"step": step, "loss": float(step)} for step in steps]


def pictured(log: StepLog) -> list[int]:
    return sorted(int(path.stem[-8:]) for path in log.pictures.iterdir())


def test_a_training_that_goes_on_drops_what_came_after_its_checkpoint(log: StepLog):
    for step in range(5):
        log.append(step, {"loss": float(step)})
        log.picture(step, "views", Image.new("RGB", (2, 2)))
    log.begin(3, reports(0, 1, 2))
    assert [record["step"] for record in log.records()] == [0, 1, 2]
    assert pictured(log) == [0, 1, 2]
    log.begin(3, reports(0, 1, 2))  # once more changes nothing
    assert list(log.records()) == reports(0, 1, 2)
    assert pictured(log) == [0, 1, 2]


def test_a_training_never_goes_under_the_lines_and_pictures_of_another(log: StepLog):
    log.append(0, {"loss": 7.0})
    log.picture(0, "views", Image.new("RGB", (2, 2)))
    log.begin(2, reports(0, 1))  # an earlier one that has ended is given back
    assert list(log.records()) == reports(0, 1)
    assert pictured(log) == []
    log.begin(0, [])
    assert list(log.records()) == []


def test_doubled_lines_are_undone(log: StepLog):
    for step in (0, 0, 1, 1):
        log.append(step, {"loss": float(step)})
    log.begin(2, reports(0, 1))
    assert list(log.records()) == reports(0, 1)


def test_what_a_helper_has_sent_is_not_sent_again(log: StepLog, tracked_run):
    log.append(0, {"loss": 0.0})
    log.flush()
    log.begin(2, reports(0, 1))
    assert [(point.step, point.value) for point in tracked_run.history("loss")] == [
        (0, 0.0),
        (1, 1.0),
    ]


def test_resumed_log_equals_an_undisturbed_one(tmp_path: Path):
    undisturbed, resumed = StepLog(tmp_path / "a.jsonl"), StepLog(tmp_path / "b.jsonl")
    for step in range(6):
        undisturbed.append(step, {"loss": float(step)})
    for step in range(5):
        resumed.append(step, {"loss": float(step)})
    resumed.begin(3, reports(0, 1, 2))  # the checkpoint was of step 2
    for step in range(3, 6):
        resumed.append(step, {"loss": float(step)})
    assert (tmp_path / "a.jsonl").read_text() == (tmp_path / "b.jsonl").read_text()


def test_line_torn_by_a_kill_is_passed_over(log: StepLog, tmp_path: Path):
    log.append(0, {"loss": 1.0})
    with (tmp_path / "distill" / "steps.jsonl").open("a") as lines:
        lines.write('{"step": 1, "lo')
    assert [record["step"] for record in log.records()] == [0]
    log.begin(1, [{"step": 0, "loss": 1.0}])
    log.append(1, {"loss": 2.0})
    assert [record["step"] for record in log.records()] == [0, 1]


def test_non_finite_numbers_stay_valid_json(log: StepLog, tmp_path: Path):
    log.append(0, {"loss": float("nan"), "norm": float("inf"), "rate": 2.0})
    line = (tmp_path / "distill" / "steps.jsonl").read_text()
    strict = json.loads(line, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert strict == {"step": 0, "loss": None, "norm": None, "rate": 2.0}


def test_a_copy_in_another_process_writes_to_the_same_file(log: StepLog):
    log.append(0, {"loss": 1.0})
    pickle.loads(pickle.dumps(log)).append(1, {"loss": 2.0})
    assert [record["step"] for record in log.records()] == [0, 1]


def test_metrics_arrive_in_the_tracked_run(log: StepLog, tracked_run):
    log.append(0, {"loss": 3.0})
    log.append(10, {"loss": 1.0})  # within two seconds: waits for the flush
    log.picture(10, "views", Image.new("RGB", (4, 4)))
    log.flush()
    history = tracked_run.history("loss")
    assert [(point.step, point.value) for point in history] == [(0, 3.0), (10, 1.0)]
    assert any("views" in name for name in tracked_run.artifacts("images"))


def test_a_resumed_run_shows_the_whole_history(log: StepLog, tracked_run, tmp_path: Path):
    lines = [{"step": 0, "loss": 3.0}, {"step": 1, "loss": 2.0}, {"step": 2, "loss": 1.5}]
    path = tmp_path / "distill" / "steps.jsonl"
    path.parent.mkdir()
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    log.begin(2, lines[:2])
    log.append(2, {"loss": 1.0})
    log.flush()
    assert [point.value for point in tracked_run.history("loss")] == [3.0, 2.0, 1.0]


def test_dataset_gives_the_log_before_there_is_a_file(tmp_path: Path):
    dataset = StepLogDataset(filepath=str(tmp_path / "steps.jsonl"))
    assert not dataset.exists()
    dataset.load().append(0, {"loss": 1.0})
    assert dataset.exists()
