"""An evaluation counts what it scored, keeps reasons for what it did not, and averages by hand."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.known_objects import (
    SIZE,
    drawing,
    protocol_file,
    stored_views,
    views_table,
)

from dd3g_kedro.benchmark.comparison import compare
from dd3g_kedro.benchmark.config import EvaluateConfig, LpipsWeights
from dd3g_kedro.benchmark.methods.lifters import copy_input
from dd3g_kedro.benchmark.run import evaluate
from dd3g_kedro.benchmark.scores.intervals import intervals
from dd3g_kedro.benchmark.scores.names import PSNR_CAP
from dd3g_kedro.benchmark.scores.scoring import Scorer
from dd3g_kedro.benchmark.tables import report
from dd3g_kedro.benchmark.tables.pictures import azimuth_plot, picture_sheet
from dd3g_kedro.benchmark.tables.table import markdown
from dd3g_kedro.core.errors import MissingWeights
from dd3g_kedro.core.objective.background import composite
from dd3g_kedro.core.student.weights import save_student


def grey(sighting, cameras, size, background):
    return torch.full((cameras.world_to_camera.shape[1], 3, size, size), 0.5)


def refuses_object_one(sighting, cameras, size, background):
    blue = float((drawing(1)[2].max() * 255).round() / 255)
    if float(sighting.rgba[2].max()) == pytest.approx(blue):
        raise ValueError("will not do it")
    return grey(sighting, cameras, size, background)


def on_white(rgba):
    return composite(rgba, torch.ones(3))


METHODS = {"copy_input": copy_input, "grey": grey, "picky": refuses_object_one}


@pytest.fixture
def scorer() -> Scorer:
    return Scorer(LpipsWeights(), 1.0, torch.device("cpu"))


@pytest.fixture
def evaluation(config, scorer, handles):
    return evaluate(METHODS, handles(views_table(3)), scorer, config)


def test_every_method_object_and_view_has_a_row(evaluation):
    table = report.per_view(evaluation)
    assert len(table) == 3 * 3 * 4 - 4  # one method refused one object of four views
    counts = table.groupby("method")["object_id"].nunique().to_dict()
    assert counts == {"copy_input": 3, "grey": 3, "picky": 2}


def test_a_failure_is_a_row_with_its_reason(evaluation):
    table = report.per_object(evaluation)
    failed = table[table["status"] == "failed"]
    assert failed[["method", "object_id", "reason"]].values.tolist() == [
        ["picky", "object1", "will not do it"]
    ]
    numbers = report.summary(evaluation, "abc")
    assert (numbers["objects"], numbers["failed"], numbers["picky"]["objects"]) == (3, 1, 2)


def test_means_are_over_views_then_objects(evaluation):
    views = report.per_view(evaluation)
    views = views[views["method"] == "grey"]
    by_hand = np.mean([views[views["object_id"] == f"object{k}"]["psnr"].mean() for k in range(3)])
    numbers = report.summary(evaluation, "abc")
    assert numbers["grey"]["psnr"] == pytest.approx(by_hand, abs=1e-5)


def test_new_views_leave_out_the_inputs_own(evaluation):
    """Copying is exact at the input's camera; only the other three views tell."""
    numbers = report.summary(evaluation, "abc")["copy_input"]
    assert numbers["psnr"] == pytest.approx((PSNR_CAP + 3 * numbers["novel_psnr"]) / 4, abs=1e-4)
    assert numbers["novel_psnr"] < 30


def test_metrics_are_json_without_nan_and_repeat(evaluation, config, scorer, handles):
    numbers = report.summary(evaluation, "abc")
    text = json.dumps(numbers, allow_nan=False)
    assert numbers["grey"]["lpips_vgg"] is None
    again = evaluate(METHODS, handles(views_table(3)), scorer, config)
    assert json.dumps(report.summary(again, "abc")) == text


def test_the_protocol_knows_the_pictures(evaluation, config, scorer, handles):
    same = evaluate({"grey": grey}, handles(views_table(3)), scorer, config)
    other = views_table(3)
    other.at[7, "png"] = other.at[9, "png"]
    changed = evaluate({"grey": grey}, handles(other), scorer, config)
    assert same.protocol == evaluation.protocol
    assert changed.protocol["pictures_sha256"] != evaluation.protocol["pictures_sha256"]


def test_a_missing_metric_is_a_dash_with_a_footnote(evaluation):
    sure = intervals(report.per_object(evaluation), evaluation.methods)
    text = markdown(evaluation, report.summary(evaluation, "abc"), sure)
    title, _, head, *rest = text.splitlines()
    assert title == f"## Protocol known-1 (sha256 {evaluation.manifest.digest[:12]})"
    assert "LPIPS (vgg) ↓ [1]" in head
    assert "\N{EN DASH}" in next(line for line in rest if line.startswith("| grey"))
    note = next(line for line in rest if line.startswith("[1]"))
    assert note.startswith("[1] lpips_vgg was not computed: evaluate.lpips.vgg")
    assert any("1 objects could not be scored by every method" in line for line in rest)


def test_the_table_tells_how_far_the_first_method_is_ahead(evaluation):
    sure = intervals(report.per_object(evaluation), evaluation.methods)
    text = markdown(evaluation, report.summary(evaluation, "abc"), sure)
    lines = text.splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("| copy_input minus |"))
    cells = [line.split("|") for line in lines[start + 2 : start + 4]]
    rows = {row[1].strip(): row for row in cells}
    assert list(rows) == ["grey", "picky"]
    found = sure[(sure["minus"] == "grey") & (sure["metric"] == "psnr")].iloc[0]
    assert f"{found['mean']:+.2f} [{found['low']:+.2f}, {found['high']:+.2f}]" in rows["grey"][3]


def test_an_unloadable_object_fails_for_every_method(config, scorer, handles):
    table = views_table(2)
    table.at[0, "png"] = b"not a picture"
    methods = {"grey": grey, "copy": copy_input}
    found = evaluate(methods, handles(table), scorer, config)
    assert {(failure.method, failure.object_id) for failure in found.failures} == {
        ("grey", "object0"),
        ("copy", "object0"),
    }
    assert {view.object_id for view in found.views} == {"object1"}


def test_nothing_scored_is_an_error_with_reasons(config, scorer, handles):
    def broken(*_):
        raise ArithmeticError("no way")

    with pytest.raises(ValueError, match=r"none of 2 objects.*no way"):
        evaluate({"broken": broken}, handles(views_table(2)), scorer, config)


def test_a_bug_is_not_taken_for_a_bad_object(config, scorer, handles):
    def bug(*_):
        raise KeyError("bug")

    with pytest.raises(KeyError):
        evaluate({"bug": bug}, handles(views_table(2)), scorer, config)


def test_the_sheet_shows_evenly_spaced_objects_and_every_method(evaluation):
    assert [block.object_id for block in evaluation.sheet] == ["object0", "object1"]
    assert list(evaluation.sheet[0].rows) == ["ground truth", "copy_input", "grey", "picky"]
    assert list(evaluation.sheet[1].rows) == ["ground truth", "copy_input", "grey"]
    sheet = picture_sheet(evaluation)
    shades = {color for _, color in sheet.getcolors(maxcolors=10**7)}
    assert len(shades) > 100
    assert (128, 128, 128) in shades  # the grey method's tiles


def test_the_plot_is_drawn_even_where_all_is_exact(evaluation):
    table = report.by_azimuth(evaluation)
    assert list(table.columns)[2:] == ["azimuth_deg", "copy_input", "grey", "picky"]
    assert table.loc[0, "copy_input"] == pytest.approx(PSNR_CAP, abs=1e-3)
    for shown in (table, table.drop(columns=["grey", "picky"]).head(1)):
        colors = {color for _, color in azimuth_plot(shown).getcolors(maxcolors=10**6)}
        assert (31, 119, 180) in colors  # the first line's blue


def test_the_whole_comparison_of_a_student(student, config, tmp_path):
    stored = stored_views(views_table(2), tmp_path)
    found = compare(student, stored, replace(config, limit=1))
    numbers = found["metrics"]
    assert numbers["student_fingerprint"] == student.fingerprint
    assert numbers["protocol"]["objects"] == 1
    for method in ("student", "copy_input", "mean_color", "extruded_silhouette"):
        assert math.isfinite(numbers[method]["psnr"])
        assert method in found["table"]
    assert numbers["protocol"]["size"] == SIZE


def test_further_students_have_their_own_rows(student, config, tmp_path):
    path = tmp_path / "other.safetensors"
    save_student(path, student)
    wider = replace(config, students={"other": path}, baselines=("copy_input",), limit=1)
    numbers = compare(student, stored_views(views_table(1), tmp_path), wider)["metrics"]
    assert numbers["other"] == numbers["student"]
    with pytest.raises(MissingWeights, match="absent"):
        compare(
            student,
            stored_views(views_table(1), tmp_path),
            replace(wider, students={"other": tmp_path / "absent"}),
        )


def test_a_perfect_method_wins(config, scorer, handles):
    objects = handles(views_table(2))
    truths = iter([handle.load() for handle in objects])

    def oracle(sighting, cameras, size, background):
        rgba = next(truths).targets
        return rgba[:, :3] * rgba[:, 3:] + 1 - rgba[:, 3:]

    found = evaluate({"oracle": oracle, "grey": grey}, objects, scorer, config)
    numbers = report.summary(found, "abc")
    assert numbers["oracle"]["psnr"] == pytest.approx(PSNR_CAP, abs=1e-4)
    assert numbers["oracle"]["psnr"] > numbers["grey"]["psnr"] + 30


def test_every_table_and_picture_names_its_protocol(evaluation):
    for table in (
        report.per_view(evaluation),
        report.per_object(evaluation),
        report.by_azimuth(evaluation),
        intervals(report.per_object(evaluation), evaluation.methods),
    ):
        assert table.columns[0] == "protocol"
        assert set(table["protocol"]) == {"known-1"}
    numbers = report.summary(evaluation, "abc")
    assert numbers["protocol"]["id"] == "known-1"
    assert len(numbers["protocol"]["digest"]) == 64
    with_title = picture_sheet(evaluation)
    evaluation.manifest = replace(evaluation.manifest, name="other")
    assert picture_sheet(evaluation).tobytes() != with_title.tobytes()


def test_differences_show_what_was_computed_and_say_which_sign_is_better(evaluation):
    numbers, objects = report.summary(evaluation, "abc"), report.per_object(evaluation)
    assert objects["lpips_vgg"].isna().all()

    def shown(table) -> list[str]:
        text = markdown(evaluation, numbers, intervals(table, evaluation.methods))
        return text.split(" minus | ")[1].split("(bootstrap over objects).")

    (heading, *_), _ = (part.splitlines() for part in shown(objects))
    assert "LPIPS" not in heading
    assert "aligned" not in heading  # no method here makes Gaussians
    without = objects.assign(imagenet_distance=float("nan"))
    assert shown(without)[1].splitlines()[0] == ""
    (heading, *_), after = (part.splitlines() for part in shown(objects.assign(lpips_vgg=0.5)))
    assert "LPIPS (vgg) ↓" in heading
    assert "negative difference is the better one" in after[0]


def test_the_papers_numbers_stand_below_those_of_its_data_only(evaluation):
    numbers = report.summary(evaluation, "abc")
    sure = intervals(report.per_object(evaluation), evaluation.methods)
    assert "19.85" not in markdown(evaluation, numbers, sure)
    evaluation.manifest = replace(evaluation.manifest, source="gso")
    measured, quotation = markdown(evaluation, numbers, sure).split("### Quoted from the paper")
    assert "19.85" not in measured
    assert "| DD3G | 19.85 | 0.883 | 0.131 | 0.06 |" in quotation


def test_objects_that_the_protocol_names_and_nobody_has_are_told(student, tmp_path):
    path = protocol_file(tmp_path, objects=["object1", "ghost"])
    config = EvaluateConfig(protocol=path, baselines=["copy_input"])
    found = compare(student, stored_views(views_table(3), tmp_path), config)
    assert found["metrics"]["protocol"]["objects"] == 1
    assert found["metrics"]["protocol"]["objects_of_protocol"] == 2
    assert "1 of the protocol's 2 objects" in found["table"]
    assert "- ghost (every method): the protocol known-1 names ghost" in found["table"]
    assert set(found["per_object"]["object_id"]) == {"object1", "ghost"}
