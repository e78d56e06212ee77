"""A study from its page to its scores."""

from __future__ import annotations

import dataclasses
import json

import pytest
from tests.known_objects import saved_student, stored_views, views_table

from dd3g_kedro.benchmark.config import EvaluateConfig
from dd3g_kedro.benchmark.study.study import KEY_FILE, run_study

LIFTERS = {"student", "extruded_silhouette"}


def asking(config: EvaluateConfig, **changes) -> EvaluateConfig:
    study = {"objects": 2, "frames": 3, "size": 24} | changes
    return dataclasses.replace(config, study=study)


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    return stored_views(views_table(3), tmp_path_factory.mktemp("views"))


@pytest.fixture
def made(student, stored, config):
    return run_study(student, stored, asking(config), [])


def answers(folder, key: dict, score) -> str:
    """One participant, who scores by method."""
    folder.mkdir(exist_ok=True)
    scores = {code: score[method] for code, (_, method) in key["samples"].items()}
    content = {"format": 1, "study": key["study"], "participant": "P-1", "scores": scores}
    content |= {"started": "2025-01-01", "finished": "2025-01-02"}
    (folder / "study-1.json").write_text(json.dumps(content))
    return str(folder)


def test_without_a_study_there_is_nothing(student, stored, config):
    found = run_study(student, stored, config, [])
    assert found["page"] == found["key"] == ""
    assert len(found["answers"]) == len(found["scores"]) == 0
    assert {"protocol", "protocol_digest", "method", "mean"} <= set(found["scores"].columns)


def test_the_page_shows_what_makes_objects_and_its_key_knows_the_protocol(made, config):
    key = json.loads(made["key"])
    assert {method for _, method in key["samples"].values()} == LIFTERS
    assert len({name for name, _ in key["samples"].values()}) == 2
    assert key["study"] in made["page"]
    assert (key["protocol"], key["protocol_digest"]) == (config.manifest.id, config.manifest.digest)
    assert config.manifest.id not in made["page"]
    assert len(made["scores"]) == 0


def test_answers_are_read_with_the_stored_key_whatever_the_weights_are_now(
    made, project, stored, config, tmp_path
):
    key = json.loads(made["key"])
    folder = answers(tmp_path / "answers", key, {"student": 8, "extruded_silhouette": 3})
    (tmp_path / "answers" / "odd.json").write_text("{}")
    other = saved_student(project, tmp_path, seed=1)
    found = run_study(other, stored, asking(config, folder=folder), [made["key"]])
    assert found["page"] == found["key"] == ""  # what is stored stays
    means = found["scores"].set_index("method")
    assert means["mean"].to_dict() == {"student": 8.0, "extruded_silhouette": 3.0}
    assert set(means["protocol"]) == {config.manifest.id}
    assert set(means["study"]) == {key["study"]}
    assert found["answers"]["reason"].ne("").sum() == 1


def test_answers_to_an_earlier_page_are_read_with_its_key(made, student, stored, config, tmp_path):
    newer = run_study(student, stored, asking(config, seed=1), [])["key"]
    earlier = json.loads(made["key"])
    assert json.loads(newer)["study"] != earlier["study"]
    folder = answers(tmp_path / "answers", earlier, {"student": 8, "extruded_silhouette": 3})
    keys = [newer, made["key"]]
    found = run_study(student, stored, asking(config, folder=folder), keys)
    assert set(found["scores"]["study"]) == {earlier["study"]}
    assert found["answers"]["reason"].eq("").all()


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ([], rf"there is no {KEY_FILE}.*evaluate\.study\.folder: null"),
        (["{"], rf"{KEY_FILE}: expected the key"),
        (['{"study": "x"}'], rf"{KEY_FILE}\.samples is missing"),
    ],
)
def test_answers_without_their_key_are_refused(student, stored, config, tmp_path, keys, message):
    with pytest.raises(ValueError, match=message):
        run_study(student, stored, asking(config, folder=str(tmp_path)), keys)


def test_a_wrong_setting_names_itself(config):
    with pytest.raises(ValueError, match=r"EvaluateConfig\.study\.folders is not a known key"):
        asking(config, folders="x")
