"""What a row changes, and what it must not."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from kedro.config import OmegaConfigLoader
from tests.ablation.toys import OBJECTIVE, STUDENT, ablate_config

from dd3g_kedro.ablation.config import ROWS, TABLES, AblateConfig, Mix, Row, TrueViewsConfig
from dd3g_kedro.ablation.rows import merged, row_settings
from dd3g_kedro.core.config_building import build, plain
from dd3g_kedro.core.objective.config import ObjectiveConfig
from dd3g_kedro.core.objective.curriculum import verification_weight
from dd3g_kedro.core.student.config import StudentConfig
from dd3g_kedro.mini_teacher.config import ViewAugmentation


def parameters(project: Path, environment: str) -> dict:
    from dd3g_kedro.settings import CONFIG_LOADER_ARGS

    arguments = CONFIG_LOADER_ARGS | {"default_run_env": "base"}
    return dict(
        OmegaConfigLoader(str(project / "conf"), env=environment, **arguments)["parameters"]
    )


@pytest.mark.parametrize("environment", ["base", "smoke", "gpu", "paper"])
def test_every_environments_rows_fit_its_student_and_differ_from_each_other(project, environment):
    found = parameters(project, environment)
    config = build(AblateConfig, found["ablate"], "ablate")
    student = build(StudentConfig, found["student"], "student")
    objective = build(ObjectiveConfig, found["objective"], "objective")
    trained = [n for n, row in config.rows.items() if row is not None and row.same_as is None]
    told = {repr(row_settings(n, config, student, objective).document()) for n in trained}
    assert len(told) == len(trained)
    joint = row_settings("joint", config, student, objective)
    assert (joint.student, joint.objective) == (student, objective)
    half = row_settings("gaussians_half", config, student, objective).student.pepd
    double = row_settings("gaussians_double", config, student, objective).student.pepd
    assert 2 * half.gaussians == student.pepd.gaussians == double.gaussians / 2
    reversed_ = row_settings("decoders_reversed", config, student, objective)
    taps = reversed_.student.pepd.progressive_decoding.taps
    assert (taps.means, taps.colors) == tuple(
        getattr(student.pepd.progressive_decoding.taps, name) for name in ("colors", "means")
    )
    last = row_settings("taps_last", config, student, objective).student.pepd
    blocks = last.progressive_decoding.blocks
    assert {tap.blocks for tap in vars(last.progressive_decoding.taps).values()} == {(blocks,)}


def test_constant_beta_weighs_as_much_as_the_curriculum_over_the_whole_training(project):
    found = parameters(project, "base")
    config = build(AblateConfig, found["ablate"], "ablate")
    objective = build(ObjectiveConfig, found["objective"], "objective")
    curriculum = objective.curriculum(10_000)
    mean = math.fsum(verification_weight(i, curriculum) for i in range(10_000)) / 10_000
    row = config.rows["beta_constant"]
    assert row is not None
    assert row.objective["weight_cap"] == pytest.approx(mean, abs=5e-4)


def test_the_table_two_rows_learn_from_explicit_supervision_alone(project):
    for environment in ("base", "smoke", "gpu", "paper"):
        rows = parameters(project, environment)["ablate"]["rows"]
        for name in TABLES["II"]:
            row = rows[name]
            if row is not None and "same_as" not in row:
                assert row["objective"]["weight_cap"] == 0
        assert rows["pepd"]["same_as"] == "explicit"


def test_null_removes_lists_replace_and_mappings_merge():
    base = {"a": {"b": 1, "c": {"d": 2}}, "e": [1, 2], "f": None}
    assert merged(base, {"a": {"c": None}}) == {"a": {"b": 1, "c": None}, "e": [1, 2], "f": None}
    assert merged(base, {"e": [3]})["e"] == [3]
    assert merged(base, {"f": {"g": 1}})["f"] == {"g": 1}
    assert merged(base, {"a": {"c": {"h": 1}}})["a"]["c"] == {"d": 2, "h": 1}
    assert merged(base, {}) == base


def test_what_does_not_decide_the_weights_is_not_told():
    config = ablate_config()
    one = row_settings("joint", config, STUDENT, OBJECTIVE).document()
    often = replace(config, optimization=replace(config.optimization, log_every=7))
    seeded = replace(config, optimization=replace(config.optimization, seed=7))
    asked = replace(config, verified_share=0.5)
    told = [row_settings("joint", how, STUDENT, OBJECTIVE).document() for how in (seeded, asked)]
    assert row_settings("joint", often, STUDENT, OBJECTIVE).document() == one
    assert one not in told


def test_a_change_that_does_not_fit_names_the_row_and_the_key():
    row = {"label": "?", "sentence": "?", "student": {"pepd": {"patern_extraction": None}}}
    config = ablate_config(rows=dict.fromkeys(ROWS) | {"joint": row})
    with pytest.raises(ValueError, match=r"ablate\.rows\.joint: student\.pepd\.patern_extraction"):
        row_settings("joint", config, STUDENT, OBJECTIVE)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"jiont": None}, r"ablate\.rows\.jiont is not a known row; known: tgs"),
        ({"joint": {"label": "a", "sentence": "b", "quadruples": {"synthetic": 0.5}}}, "Table IV"),
        (
            {"joint": {"label": "a", "sentence": "b", "quadruples": {"background": "white"}}},
            "only background_fixed",
        ),
        ({"joint": {"label": "a", "sentence": "b", "quadruples": None}}, "joint.*must not be null"),
        ({"true_views": {"label": "a", "sentence": "b"}}, r"true_views\.quadruples must be null"),
        ({"joint": {"label": "a", "sentence": "b", "same_as": "tgs"}}, r"joint\.same_as must name"),
        (
            {"joint": {"label": "a", "sentence": "b", "same_as": "pepd", "student": {"a": 1}}},
            "says that nothing differs",
        ),
        ({"joint": {"label": "a", "sentence": "b", "table": "II"}}, r"joint\.table is not a known"),
    ],
)
def test_a_wrong_row_names_itself(changes, message):
    with pytest.raises(ValueError, match=message):
        ablate_config(rows=dict.fromkeys(ROWS) | changes)


def test_a_forgotten_row_is_told():
    rows = {name: None for name in ROWS if name != "joint"}
    with pytest.raises(ValueError, match=r"ablate\.rows\.joint is missing; add it, or null"):
        ablate_config(rows=rows)


def test_a_mix_has_shares():
    for wrong in ({"rendered": 1.5}, {"rendered": 0}, {"synthetic": 1, "background": "white"}):
        with pytest.raises(ValueError, match=r"quadruples\."):
            Mix(**wrong)
    assert plain(Row(label="a", sentence="b").quadruples) == plain(Mix())


def test_true_views_differ_from_explicit_supervision_in_nothing_but_the_data(project):
    found = parameters(project, "gpu")
    config = build(AblateConfig, found["ablate"], "ablate")
    student = build(StudentConfig, found["student"], "student")
    objective = build(ObjectiveConfig, found["objective"], "objective")
    true, explicit = (
        row_settings(name, config, student, objective) for name in ("true_views", "explicit")
    )
    assert replace(explicit, quadruples=None) == true


def test_true_views_are_varied_as_the_mini_teachers(project):
    for environment in ("base", "smoke", "gpu"):
        found = parameters(project, environment)
        teachers = build(
            ViewAugmentation, found["teacher_training"]["augmentation"], "augmentation"
        )
        own = build(AblateConfig, found["ablate"], "ablate").true_views.augmentation
        assert own == replace(
            teachers, turned_views=0.0, other_ring=0.0, white=0.0, front=0.0, level=0.0
        )


def test_shares_of_true_views_are_shares():
    for key in ("mirror", "recolour"):
        with pytest.raises(ValueError, match=rf"true_views\.{key} must lie in \[0, 1\], got 2"):
            TrueViewsConfig(**{key: 2.0})


def test_base_says_why_each_row_is_there(project):
    text = (project / "conf/base/parameters_ablate.yml").read_text()
    rows = yaml.safe_load(text)["ablate"]["rows"]
    assert list(rows) == list(ROWS)
    assert all(row is None or row["sentence"] for row in rows.values())
