"""One row, from its settings to its numbers."""

from __future__ import annotations

import json
import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tests.ablation.toys import OBJECTIVE, STUDENT, Toys, ablate_config, true_views_in

from dd3g_kedro.ablation.config import AblateConfig
from dd3g_kedro.ablation.lessons import Origin, lessons
from dd3g_kedro.ablation.mix import sources_of
from dd3g_kedro.ablation.results import RowResult, read_result, write_result
from dd3g_kedro.ablation.rows import common_digest
from dd3g_kedro.ablation.run import run_row
from dd3g_kedro.core.errors import DD3GError
from dd3g_kedro.core.kept import read_manifest, write_manifest
from dd3g_kedro.core.training import distil
from dd3g_kedro.datasets.step_log import StepLog
from dd3g_kedro.mini_teacher.views import ViewsFolder


class Counting(StepLog):
    """Counts steps; asks the training to stop after one of them."""

    def __init__(self, path: Path, stop_at: int | None = None) -> None:
        super().__init__(path)
        self.steps: list[int] = []
        self.stop_at = stop_at

    def append(self, step, metrics):
        super().append(step, metrics)
        self.steps.append(step)
        if step == self.stop_at:
            os.kill(os.getpid(), signal.SIGINT)


def run(
    toys: Toys,
    folder: Path,
    name: str,
    config: AblateConfig | None = None,
    log: Counting | None = None,
    truth: ViewsFolder | None = None,
) -> tuple[RowResult, Counting]:
    config, log = config or ablate_config(), log or Counting(folder / "steps.jsonl")
    origin: Origin = truth or sources_of(config, name, (toys.shards, toys.images))
    result = run_row(
        *(name, config, STUDENT, OBJECTIVE, origin, toys.teacher, toys.benchmark),
        *(folder / name, log),
    )
    return result, log


@pytest.fixture(scope="module")
def explicit(toys: Toys, tmp_path_factory: pytest.TempPathFactory) -> tuple[RowResult, Path]:
    folder = tmp_path_factory.mktemp("rows")
    return run(toys, folder, "explicit")[0], folder


def test_a_row_says_all_that_decides_it_and_all_its_numbers(explicit):
    document = explicit[0].document
    assert document["settings"]["objective"]["weight_cap"] == 0
    assert document["settings"]["objective"]["explicit"]["mse_weight"] == 0.5
    assert document["settings"]["optimization"]["seed"] == 0
    assert document["training"]["quadruples"] == 4
    assert document["training"]["minutes"] >= 0
    assert set(document["metrics"]) == {
        *("psnr", "novel_psnr", "ssim", "novel_ssim", "foreground_psnr", "contrast_psnr"),
        "aligned_psnr",
        *("stray_opacity", "teacher_psnr", "other_seed_psnr", "noise_gain"),
        *("student_spread", "teacher_spread"),
    }
    values = explicit[0].values("psnr")
    assert set(values) == {"object0", "object1"}
    assert document["metrics"]["psnr"] == pytest.approx(sum(values.values()) / 2, abs=1e-5)


def test_a_finished_row_is_measured_again_and_not_trained_again(toys, explicit):
    result, folder = explicit
    measured, log = run(toys, folder, "explicit")
    assert log.steps == []
    assert measured.document["metrics"] == result.document["metrics"]


def test_rows_tell_what_they_share(toys, explicit, tmp_path):
    told = {key: explicit[0].document["training"][key] for key in ("data", "teacher", "common")}
    assert told["teacher"] == toys.teacher.fingerprint
    other = run(toys, tmp_path, "pd_only")[0].document["training"]
    assert told == {key: other[key] for key in told}


def test_other_common_settings_have_another_digest():
    config = ablate_config()
    digests = {
        common_digest(config, STUDENT, OBJECTIVE),
        common_digest(config, STUDENT, replace(OBJECTIVE, weight_cap=0.3)),
        common_digest(config, replace(STUDENT, elevation_deg=7.0), OBJECTIVE),
        common_digest(ablate_config(images=3), STUDENT, OBJECTIVE),
        common_digest(ablate_config(perceptual="lpips"), STUDENT, OBJECTIVE),
    }
    assert len(digests) == 5
    assert common_digest(ablate_config(steps=3), STUDENT, OBJECTIVE) in digests  # the budget apart


def test_the_teacher_is_asked_about_the_share_that_is_told(toys, tmp_path, monkeypatch):
    asked, verify = [], distil.verify

    def counted(gaussians, *others):
        asked.append(len(gaussians))
        return verify(gaussians, *others)

    monkeypatch.setattr(distil, "verify", counted)
    half, _ = run(toys, tmp_path, "joint", ablate_config(verified_share=0.5))
    assert set(asked) == {1}  # of two
    assert half.document["settings"]["verified_share"] == 0.5
    with pytest.raises(ValueError, match=r"ablate\.verified_share must lie in \(0, 1\], got 0"):
        ablate_config(verified_share=0)


def test_another_budget_is_another_training(toys, explicit):
    result, folder = explicit
    longer, log = run(toys, folder, "explicit", ablate_config(steps=3))
    assert log.steps == [0, 1, 2]
    assert longer.document["metrics"] != result.document["metrics"]


def test_an_interrupted_row_goes_on_and_ends_with_the_same_bits(toys, tmp_path):
    config = ablate_config(steps=4)
    whole, _ = run(toys, tmp_path / "whole", "joint", config)
    with pytest.raises(KeyboardInterrupt):
        cut = tmp_path / "cut"
        run(toys, cut, "joint", config, Counting(cut / "steps.jsonl", stop_at=1))
    resumed, log = run(toys, tmp_path / "cut", "joint", config)
    assert log.steps == [2, 3]
    assert_same_student(whole, resumed)


def assert_same_student(one: RowResult, other: RowResult) -> None:
    assert one.student is not None and other.student is not None
    resumed = other.student.state_dict()
    whole = one.student.state_dict()
    assert all(torch.equal(tensor, resumed[name]) for name, tensor in whole.items())


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> ViewsFolder:
    return ViewsFolder(true_views_in(tmp_path_factory.mktemp("truth")))


def test_a_row_learns_from_true_views_under_the_common_budget(toys, explicit, truth, tmp_path):
    result, log = run(toys, tmp_path, "true_views", truth=truth)
    document, other = result.document, explicit[0].document
    assert log.steps == [0, 1]
    assert document["settings"]["quadruples"] is None
    for key in ("optimization", "objective", "student", "perceptual"):
        assert document["settings"][key] == other["settings"][key], key
    assert document["training"]["quadruples"] == 2 * 8  # objects and sides
    assert document["training"]["common"] == other["training"]["common"]
    assert document["training"]["data"] != other["training"]["data"]
    assert set(document["metrics"]) == set(other["metrics"])
    assert document["metrics"]["psnr"] != other["metrics"]["psnr"]
    _, log = run(toys, tmp_path, "true_views", truth=truth)
    assert log.steps == []


def test_an_interrupted_row_of_true_views_goes_on_and_ends_with_the_same_bits(
    toys, truth, tmp_path
):
    config = ablate_config(steps=4)
    whole, _ = run(toys, tmp_path / "whole", "true_views", config, truth=truth)
    log = Counting(tmp_path / "cut" / "steps.jsonl", stop_at=1)
    with pytest.raises(KeyboardInterrupt):
        run(toys, tmp_path / "cut", "true_views", config, log, truth=truth)
    views = ViewsFolder(truth.folder)
    resumed, log = run(toys, tmp_path / "cut", "true_views", config, truth=views)
    assert log.steps == [2, 3]
    assert_same_student(whole, resumed)


def test_other_views_or_another_augmentation_are_other_data(truth, tmp_path):
    config, folder = ablate_config(), tmp_path / "views"
    folder.mkdir()
    (folder / truth.files[0].name).write_bytes(truth.files[0].read_bytes())
    listed = read_manifest(truth.folder) or {}
    write_manifest(folder, listed | {"views": [truth.files[0].name]})
    plain_views = ablate_config(true_views={"mirror": 0.0, "recolour": 0.0})
    prints = {
        lessons(views, how, STUDENT).batches.fingerprint
        for how, views in ((config, truth), (config, ViewsFolder(folder)), (plain_views, truth))
    }
    assert len(prints) == 3


def test_a_row_that_is_another_one_is_not_trained(toys, tmp_path):
    result, log = run(toys, tmp_path, "pepd")
    assert log.steps == []
    assert not result.trained
    assert result.document["same_as"] == "explicit"
    assert run(toys, tmp_path, "tgs")[0].document["left_out"] is True


def test_a_student_without_pattern_extraction_gains_nothing_from_the_noise(
    toys, explicit, tmp_path
):
    metrics = run(toys, tmp_path, "pd_only")[0].document["metrics"]
    assert metrics["noise_gain"] == pytest.approx(0, abs=1e-4)
    assert metrics["student_spread"] == pytest.approx(0, abs=1e-5)
    assert metrics["teacher_spread"] > 0.01
    assert explicit[0].document["metrics"]["student_spread"] > 0


def test_a_result_survives_its_files(explicit, tmp_path):
    result, _ = explicit
    write_result(tmp_path, result)
    again = read_result(tmp_path)
    assert again is not None
    assert again.document == result.document
    assert again.sheet is not None and result.sheet is not None
    assert again.sheet.tobytes() == result.sheet.tobytes()
    assert read_result(tmp_path / "elsewhere") is None


@pytest.mark.parametrize("text", ["{", json.dumps({"row": "unheard of"}), "[]"])
def test_a_damaged_result_says_what_to_do(tmp_path, text):
    (tmp_path / "result.json").write_text(text)
    with pytest.raises(DD3GError, match=r"result\.json: expected a row's result.*Delete it"):
        read_result(tmp_path)


def test_a_wrong_row_stops_every_row_before_it_is_trained(toys, tmp_path):
    wrong = {"label": "?", "sentence": "?", "objective": {"schedule": "sudden"}}
    config = ablate_config()
    broken = ablate_config(rows=config.rows | {"beta_constant": wrong})
    with pytest.raises(
        ValueError, match=r"rows\.beta_constant: objective\.schedule must be one of"
    ):
        run(toys, tmp_path, "joint", broken)
    assert not (tmp_path / "joint").exists()
