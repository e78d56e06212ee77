"""Tables from results that are known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from tests.ablation.toys import ablate_config

from dd3g_kedro.ablation.config import ROWS, TABLES
from dd3g_kedro.ablation.quoted import quoted_rows
from dd3g_kedro.ablation.results import RowResult
from dd3g_kedro.ablation.table_figure import figure
from dd3g_kedro.ablation.table_text import markdown, sentence
from dd3g_kedro.ablation.tables import CLAIMS, ablation_table
from dd3g_kedro.ablation.verdicts import difference, resolved

OBJECTS = 12


def result(row: str, psnr: float, noise: float = 0.1, **other: float) -> RowResult:
    """Objects of very different difficulty; `noise` is what the row adds to each on its own."""
    draw = np.random.default_rng(list(row.encode()))
    hard = np.linspace(-4, 4, OBJECTS)
    means = {"psnr": psnr, "novel_psnr": psnr - 1, "stray_opacity": 0.2, **other}
    scores = {}
    for metric, mean in means.items():
        own = draw.normal(0, noise, OBJECTS)
        scores[metric] = {f"o{i}": float(mean + hard[i] + own[i]) for i in range(OBJECTS)}
    images = {"noise_gain": {f"i{i}": 1.0 + 0.01 * i for i in range(6)}}
    images["teacher_psnr"] = {f"i{i}": psnr + i for i in range(6)}
    document = {
        **{"row": row, "table": ROWS[row], "label": row, "fingerprint": row, "measured_on": "b"},
        "protocol": {"id": "toy-1", "digest": "0123456789abcdef"},
        "settings": {"optimization": {"steps": 2, "seed": 7}},
        "training": {"quadruples": 4, "parameters": 100, "minutes": 1.0, "device": "cpu"},
        **{"metrics": {}, "objects": scores, "images": images},
    }
    return RowResult(document)


def same_as(row: str, other: str) -> RowResult:
    return RowResult({"row": row, "table": ROWS[row], "label": row, "same_as": other})


def test_the_quoted_tables_are_the_papers():
    assert quoted_rows("II")["splatter_image"] == {"psnr": 16.95, "ssim": 0.793, "lpips": 0.193}
    assert quoted_rows("III")["explicit"]["psnr"] == 19.06
    assert quoted_rows("IV")["rendered_20_synthetic_40"]["lpips"] == 0.158
    for table in ("II", "III", "IV"):
        assert tuple(quoted_rows(table)) == TABLES[table]
    assert quoted_rows("design") == quoted_rows("method") == quoted_rows("bound") == {}


def test_a_difference_is_taken_object_by_object():
    found = {"joint": result("joint", 20.3, noise=0), "explicit": result("explicit", 20, noise=0)}
    ahead = difference(found, "joint", "explicit", "psnr")
    assert ahead.count == OBJECTS
    assert ahead.mean == pytest.approx(0.3)
    assert ahead.low == pytest.approx(0.3)  # although objects differ by 8 dB
    assert ahead.verdict == "holds"
    assert difference(found, "explicit", "joint", "psnr").verdict == "reversed"


def test_a_metric_that_should_be_low_turns_its_sign():
    found = {
        "joint": result("joint", 20, stray_opacity=0.1),
        "background_fixed": result("background_fixed", 20, stray_opacity=0.9),
    }
    ahead = difference(found, "joint", "background_fixed", "stray_opacity")
    assert ahead.mean == pytest.approx(0.8, abs=0.2)
    assert ahead.verdict == "holds"


def test_a_difference_inside_the_noise_is_undecided():
    found = {"joint": result("joint", 20, noise=0), "explicit": result("explicit", 20, noise=0)}
    for index, name in enumerate(found["joint"].document["objects"]["psnr"]):
        found["joint"].document["objects"]["psnr"][name] += 1 if index % 2 else -0.9
    assert difference(found, "joint", "explicit", "psnr").verdict == "undecided"
    single = {name: RowResult({"metrics": {}, "objects": {"psnr": {"a": 1.0 * i}}})
              for i, name in enumerate(("explicit", "joint"))}  # fmt: skip
    alone = difference(single, "joint", "explicit", "psnr")
    assert alone.mean == 1
    assert math.isnan(alone.low)
    assert alone.verdict == "undecided"


def test_a_handful_of_objects_decides_nothing():
    found = {"joint": result("joint", 25, noise=0), "explicit": result("explicit", 20, noise=0)}
    for count, verdict in ((5, "undecided"), (6, "holds")):
        for each in found.values():
            scores = result(each.document["row"], 20, noise=0).document["objects"]["psnr"]
            shift = 5 if each is found["joint"] else 0
            each.document["objects"]["psnr"] = {
                name: value + shift for name, value in list(scores.items())[:count]
            }
        assert difference(found, "joint", "explicit", "psnr").verdict == verdict


def test_rows_without_numbers_are_dashes_and_not_run():
    results = {"explicit": result("explicit", 20), "joint": result("joint", 19), "implicit": None}
    table = ablation_table("III", results, ablate_config())
    assert [found.verdict for found in table.differences] == ["reversed", "not run", "not run"]
    text = markdown(table)
    assert "The paper's order, by PSNR, holds in 0 of 1 comparisons." in text
    assert "Reversed: joint optimization is better than explicit supervision." in text
    assert "| implicit | \N{EN DASH} |" in text
    assert "| 19.06 | 0.862 | 0.147 |" in text
    nothing = ablation_table("III", {}, ablate_config())
    assert sentence(nothing).endswith("cannot be judged yet: its rows were not run.")
    assert markdown(nothing)
    assert figure(nothing).width > 500


def test_a_whole_order_that_holds_is_said_so():
    psnr = {"tgs": 15, "splatter_image": 16, "pd_only": 17, "explicit": 18}
    results = {row: result(row, value) for row, value in psnr.items()}
    results["pepd"] = same_as("pepd", "explicit")
    table = ablation_table("II", results, ablate_config())
    assert sentence(table) == "The paper's order, by PSNR, holds in 6 of 6 comparisons."
    assert table.lines[3]["same_as"] == "explicit"
    assert table.lines[3]["psnr"] == pytest.approx(18, abs=0.2)
    assert "(d) PEPD (= explicit)" in markdown(table)
    assert "19.06 / 0.862 / 0.147" in markdown(table)  # the trap of Table II (d)


def test_a_row_that_is_the_same_as_one_without_numbers_has_none():
    assert resolved({"pepd": same_as("pepd", "explicit")}) == {}
    assert resolved({"pepd": same_as("pepd", "explicit"), "explicit": None}) == {}


def test_design_choices_are_held_against_joint_optimization():
    results = {"joint": result("joint", 20), "taps_last": result("taps_last", 21)}
    table = ablation_table("design", results, ablate_config())
    verdicts = {found.worse: found.verdict for found in table.differences}
    assert verdicts["taps_last"] == "reversed"
    assert set(verdicts) == set(TABLES["design"])
    assert table.frame()["row"].tolist() == ["joint", *TABLES["design"]]


def test_the_methods_claims_are_each_judged():
    results = {
        "explicit": result("explicit", 20, novel_ssim=20, contrast_psnr=18),
        "pd_only": result("pd_only", 19),
        "joint": result("joint", 20.5, stray_opacity=0.1, contrast_psnr=20, novel_ssim=21),
        "background_fixed": result("background_fixed", 20, stray_opacity=0.9, contrast_psnr=15),
    }
    table = ablation_table("method", results, ablate_config())
    assert [found.verdict for found in table.differences] == ["holds"] * len(CLAIMS)
    assert table.differences[0].mean == pytest.approx(1.025)  # of noise_gain itself
    assert table.differences[1].mean == pytest.approx(1)
    pairs = table.pairs()
    assert pairs["verdict"].tolist() == ["holds"] * len(CLAIMS)
    assert "| verification helps their structure | SSIM, new views |" in markdown(table)
    assert pairs["count"].tolist() == [6, 6, *[OBJECTS] * 5]


def test_the_truth_is_the_bound_and_its_own_data_does_not_make_it_incomparable():
    results = {
        "explicit": result("explicit", 19),
        "joint": result("joint", 19.5),
        "true_views": result("true_views", 21),
    }
    for name, found in results.items():
        found.document["training"]["data"] = "views" if name == "true_views" else "pool"
    results["true_views"].document["settings"]["quadruples"] = None
    table = ablation_table("bound", results, ablate_config())
    assert [found.verdict for found in table.differences] == ["holds"] * 3
    assert [round(found.mean) for found in table.differences[:2]] == [2, 2]
    assert table.frame()["row"].tolist() == ["explicit", "joint", "true_views"]
    assert table.comparable
    text = markdown(table)
    assert "The truth, the bound for this data, is ahead of the teacher in 3 of 3" in text
    assert "| true views | 21.0" in text
    results["joint"].document["training"]["data"] = "another pool"
    assert not ablation_table("bound", results, ablate_config()).comparable


def test_rows_of_different_budgets_are_not_passed_off_as_comparable():
    results = {"joint": result("joint", 20), "explicit": result("explicit", 19)}
    assert "run them" not in markdown(ablation_table("III", results, ablate_config()))
    results["joint"].document["settings"] = {"optimization": {"steps": 3, "seed": 7}}
    table = ablation_table("III", results, ablate_config())
    assert not table.comparable
    assert "differ in budget" in markdown(table)


def test_another_share_of_verified_objects_is_not_comparable():
    results = {"joint": result("joint", 20), "explicit": result("explicit", 19)}
    for share, comparable in (
        (1.0, True),
        (0.25, False),
    ):  # rows older than the key asked about all
        results["joint"].document["settings"]["verified_share"] = share
        assert ablation_table("III", results, ablate_config()).comparable == comparable


@pytest.mark.parametrize("key", ["data", "teacher", "common"])
def test_rows_of_other_data_teachers_or_settings_are_not_comparable(key):
    results = {"joint": result("joint", 20), "explicit": result("explicit", 19)}
    assert ablation_table("III", results, ablate_config()).comparable  # both are older than the key
    for found in results.values():
        found.document["training"][key] = "a"
    assert ablation_table("III", results, ablate_config()).comparable
    results["joint"].document["training"][key] = "b"
    assert not ablation_table("III", results, ablate_config()).comparable
    del results["joint"].document["training"][key]
    assert not ablation_table("III", results, ablate_config()).comparable


def test_the_distance_that_rows_learn_by_must_be_one():
    results = {"joint": result("joint", 20), "explicit": result("explicit", 19)}
    results["joint"].document["settings"]["perceptual"] = {"kind": "lpips"}
    assert not ablation_table("III", results, ablate_config()).comparable


def test_the_csv_holds_every_number_of_the_table():
    results = {"joint": result("joint", 20), "explicit": result("explicit", 19)}
    frame = ablation_table("III", results, ablate_config()).frame().set_index("row")
    assert frame.loc["joint", "psnr_low"] < frame.loc["joint", "psnr"]
    assert frame.loc["joint", "quoted_psnr"] == 19.85
    assert math.isnan(frame.loc["implicit", "psnr"])
    assert frame.loc["explicit", "minutes"] == 1.0


def test_no_number_stands_without_its_protocol():
    table = ablation_table("III", {"joint": result("joint", 20)}, ablate_config())
    assert set(table.frame()["protocol"]) == set(table.pairs()["protocol"])
    assert set(table.frame()["protocol"]) == {"toy-1 (sha256 0123456789ab)"}
    assert "under the protocol toy-1 (sha256 0123456789ab)." in markdown(table)


def test_the_seed_of_the_training_stands_beside_the_numbers():
    table = ablation_table("III", {"joint": result("joint", 20)}, ablate_config())
    written = table.frame().set_index("row")["seed"].to_csv(header=False)
    assert written.splitlines() == ["explicit,", "implicit,", "joint,7"]
    assert "One training a row, seed 7: the intervals" in markdown(table)
    assert "One training a row: the intervals" in markdown(
        ablation_table("III", {}, ablate_config())
    )


def test_the_figure_shows_rows_and_verdicts():
    psnr = {"explicit": 19, "implicit": 15, "joint": 20}
    results = {row: result(row, value) for row, value in psnr.items()}
    full = figure(ablation_table("III", results, ablate_config()))
    empty = figure(ablation_table("III", {}, ablate_config()))
    assert full.size == empty.size
    assert full.tobytes() != empty.tobytes()
