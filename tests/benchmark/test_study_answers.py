"""What participants send back: sound files become scores, all others a reason."""

from __future__ import annotations

import json
import math
import re

import pytest

from dd3g_kedro.benchmark.study.answers import mean_scores, read_scores
from dd3g_kedro.benchmark.study.page import StudyKey

KEY = StudyKey(
    study="abcdef0123456789",
    samples={
        "0a": ("cup", "student"),
        "0b": ("cup", "rival"),
        "0c": ("shoe", "student"),
        "0d": ("shoe", "rival"),
    },
)


def answers(participant="P1", given=(8, 3, 9, 4), **changed):
    return {
        "format": 1,
        "study": KEY.study,
        "participant": participant,
        "started": "2025-01-01T10:00:00.000Z",
        "finished": "2025-01-01T10:20:00.000Z",
        "scores": dict(zip(KEY.samples, given, strict=True)),
    } | changed


@pytest.fixture
def collected(tmp_path):
    def read(**files):
        for name, content in files.items():
            text = content if isinstance(content, bytes) else json.dumps(content).encode()
            (tmp_path / f"{name}.json").write_bytes(text)
        return read_scores(tmp_path, KEY)

    return read


def reasons(found):
    refused = found[found["reason"] != ""]
    assert refused["score"].isna().all()
    assert (refused["method"] == "").all()
    return dict(zip(refused["file"], refused["reason"], strict=True))


def test_scores_are_told_by_object_and_method(collected):
    found = collected(one=answers())
    assert found.drop(columns=["file", "reason"]).to_numpy().tolist() == [
        ["P1", "cup", "student", 8.0],
        ["P1", "cup", "rival", 3.0],
        ["P1", "shoe", "student", 9.0],
        ["P1", "shoe", "rival", 4.0],
    ]
    assert reasons(found) == {}


def test_means_are_over_participants_best_first(collected):
    found = mean_scores(
        collected(
            a=answers("A", (10, 1, 8, 3)),
            b=answers("B", (6, 2, 6, 2)),
            c=answers("C", (5, 5, 7, 5)),
        )
    )
    assert found["method"].tolist() == ["student", "rival"]
    assert found["mean"].tolist() == pytest.approx([7.0, 3.0])  # of 9, 6, 6 and of 2, 2, 5
    assert found["participants"].tolist() == [3, 3]
    assert found["objects"].tolist() == [2, 2]
    assert found["low"].tolist() == [6.0, 2.0]  # 1 in 27 draws has only the lowest: above 2.5 %
    assert found["high"].tolist() == [9.0, 5.0]


def test_one_participant_has_a_mean_and_no_interval(collected):
    found = mean_scores(collected(a=answers()))
    assert found["mean"].tolist() == [8.5, 3.5]
    assert found[["low", "high"]].isna().all(axis=None)


BAD = {
    "damaged": (json.dumps(answers()).encode()[:100], "damaged: "),
    "binary": (b"\xff\xfe\x00", "damaged: "),
    "nested": (b"[" * 100_000, "damaged: "),
    "empty": (b"", "damaged: "),
    "gigantic": (b" " * 4_000_001, "expected a small file"),
    "a list": ([1, 2], "expected the JSON file that the study's page saves"),
    "another format": (answers(format=2), "expected the JSON file that the study's page saves"),
    "another study": (answers(study="0" * 16), r"another study \(00000000\), this one is abcdef01"),
    "no study": (answers(study=None), "another study"),
    "no code": (answers(participant=""), "participant: expected a code"),
    "a bad code": (answers(participant="<b>me</b>"), "participant: expected a code"),
    "a number as code": (answers(participant=7), "participant: expected a code"),
    "unfinished": (answers(finished=None), "unfinished"),
    "no scores": (answers(scores=None), "scores: expected a mapping, got NoneType"),
    "a missing score": (answers(scores={"0a": 1, "0b": 2, "0d": 3}), r"1 of 4 scores.*\(0c\)"),
    "a surplus score": (
        answers(scores=dict.fromkeys(["0a", "0b", "0c", "0d", "0e"], 5)),
        r"the study has not \(0e\)",
    ),
    "zero": (answers(scores=dict.fromkeys(KEY.samples, 0)), "from 1 to 10, got 0"),
    "eleven": (answers(scores=dict.fromkeys(KEY.samples, 11)), "from 1 to 10, got 11"),
    "a half": (answers(scores=dict.fromkeys(KEY.samples, 5.5)), r"scores\.0a.*got 5\.5"),
    "a word": (answers(scores=dict.fromkeys(KEY.samples, "5")), "got '5'"),
    "true": (answers(scores=dict.fromkeys(KEY.samples, True)), "got True"),
    "no number": (answers(scores=dict.fromkeys(KEY.samples, math.nan)), "got nan"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_file_that_does_not_count_says_why_and_the_others_stand(collected, kind, caplog):
    content, reason = BAD[kind]
    found = collected(bad=content, good=answers("P2"))
    assert list(reasons(found)) == ["bad.json"]
    assert re.search(reason, reasons(found)["bad.json"])
    assert "bad.json does not count" in caplog.text
    assert mean_scores(found)["participants"].tolist() == [1, 1]


def test_of_one_session_the_file_finished_last_counts(collected):
    later = answers(given=(1, 1, 1, 1), finished="2025-01-01T11:00:00.000Z")
    found = collected(a=later, b=answers(), c=answers("P2"))
    assert reasons(found) == {"b.json": "duplicate participant P1: a.json was finished later"}
    assert found[found["file"] == "a.json"]["score"].tolist() == [1.0] * 4


def test_a_code_of_two_sessions_counts_in_none(collected):
    other = answers("p1", started="2025-01-02T10:00:00.000Z")
    found = collected(a=answers(), b=other, c=answers("P2"))
    assert set(reasons(found)) == {"a.json", "b.json"}
    assert "duplicate participant P1: a.json, b.json" in reasons(found)["a.json"]
    assert set(found[found["reason"] == ""]["participant"]) == {"P2"}


def test_no_files_and_no_sound_files_end_with_a_reason(collected, tmp_path):
    with pytest.raises(ValueError, match=r"gone: expected the user study's.*no such folder"):
        read_scores(tmp_path / "gone", KEY)
    with pytest.raises(ValueError, match=r"no \.json file in it.*evaluate\.study\.folder"):
        read_scores(tmp_path, KEY)
    found = collected(bad=b"{")
    with pytest.raises(ValueError, match=r"none of the files counts.*bad\.json: damaged"):
        mean_scores(found)
