"""The study's page: what it holds, what it hides, and whose turntables it shows."""

from __future__ import annotations

import base64
import dataclasses
import io
import json
import re

import numpy as np
import pytest
import torch
from PIL import Image

from dd3g_kedro.benchmark.methods.lifters import copy_input, extrude
from dd3g_kedro.benchmark.methods.outputs import stored_outputs
from dd3g_kedro.benchmark.study.page import (
    Study,
    StudyConfig,
    StudyKey,
    StudyObject,
    study_objects,
    study_page,
)
from dd3g_kedro.benchmark.truth.views import BenchmarkObject, ObjectHandle, ring
from dd3g_kedro.core.config_building import build
from dd3g_kedro.core.geometry import CameraRig
from dd3g_kedro.formats.ply import write_ply

METHODS = ("secret_student", "secret_rival", "secret_baseline")
FRAMES, SIZE = 7, 32


def grey(value: float, frames: int = FRAMES, size: int = SIZE) -> np.ndarray:
    """Frame k is brighter than frame k - 1."""
    levels = (value + np.arange(frames)).astype(np.uint8)
    return np.broadcast_to(levels[:, None, None, None], (frames, size, size, 3)).copy()


def sets(count: int = 3) -> list[StudyObject]:
    return [
        StudyObject(
            name=f"hidden_thing_{i}",
            given=grey(200 + i)[0],
            turntables={method: grey(50 * j + 15 * i) for j, method in enumerate(METHODS)},
        )
        for i in range(count)
    ]


@pytest.fixture(scope="module")
def study() -> Study:
    return study_page(sets(), seed=3, title="Which is <best>?")


def content(page: str) -> dict:
    found = re.search(r"const STUDY = (\{.*?\});\n", page)
    assert found
    return json.loads(found[1])


def picture(uri: str) -> np.ndarray:
    assert uri.startswith("data:image/webp;base64,")
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.split(",")[1]))).convert("RGB"))


def test_the_page_shows_no_name_and_asks_for_nothing_outside(study):
    assert "secret" not in study.page
    assert "hidden_thing" not in study.page
    assert not re.search(r"https?://|@import|<link|<iframe|\bsrc=\"|fetch\(", study.page)
    assert "default-src 'none'" in study.page
    assert study.page.count("<script>") == 1
    assert "<best>" not in study.page
    assert content(study.page)["title"] == "Which is <best>?"


def test_the_key_says_what_every_sample_is(study):
    shown = content(study.page)
    given = {f"hidden_thing_{i}": 200 + i for i in range(3)}
    assert shown["digest"] == study.key.study
    assert len(study.key.samples) == 9
    assert set(study.key.samples.values()) == {(name, m) for name in given for m in METHODS}
    for item in shown["objects"]:
        (name,) = {study.key.samples[sample["id"]][0] for sample in item["samples"]}
        assert picture(item["given"]).mean() == pytest.approx(given[name], abs=2)
        for sample in item["samples"]:
            _, method = study.key.samples[sample["id"]]
            value = 50 * METHODS.index(method) + 15 * (given[name] - 200)
            first = picture(sample["strip"])[:SIZE, :SIZE]
            assert first.mean() == pytest.approx(value, abs=3)


def test_a_strip_holds_the_frames_row_by_row(study):
    shown = content(study.page)
    assert (shown["frames"], shown["columns"]) == (7, 3)
    sample = shown["objects"][0]["samples"][0]
    sheet = picture(sample["strip"]).astype(float)
    assert sheet.shape == (3 * SIZE, 3 * SIZE, 3)
    tiles = sheet.reshape(3, SIZE, 3, SIZE, 3).mean(axis=(1, 3, 4)).ravel()
    np.testing.assert_allclose(np.diff(tiles[:7]), 1, atol=2)
    np.testing.assert_allclose(tiles[7:], 255, atol=2)


def test_neither_names_nor_order_follow_the_methods():
    """Over many seeds every method is first as often as any other."""
    first = dict.fromkeys(METHODS, 0)
    for seed in range(60):
        made = study_page(sets(1), seed, "")
        (item,) = content(made.page)["objects"]
        first[made.key.samples[item["samples"][0]["id"]][1]] += 1
    assert min(first.values()) > 8


def test_the_same_arguments_give_the_same_page_and_another_seed_other_names(study):
    again = study_page(sets(), seed=3, title="Which is <best>?")
    other = study_page(sets(), seed=4, title="Which is <best>?")
    assert again == study
    assert other.key.study != study.key.study
    assert not set(other.key.samples) & set(study.key.samples)


def test_the_key_survives_its_file(study):
    text = json.dumps(dataclasses.asdict(study.key))
    assert build(StudyKey, json.loads(text), "key") == study.key
    with pytest.raises(ValueError, match=r"key\.samples"):
        build(StudyKey, {"study": "x", "samples": {"1": 3}}, "key")


def test_what_would_give_a_method_away_is_refused():
    few = sets(2)
    odd = dataclasses.replace(few[1], turntables={**few[1].turntables, METHODS[0]: grey(0, 5)})
    with pytest.raises(ValueError, match=r"hidden_thing_1 by secret_student has frames of shape"):
        study_page([few[0], odd], 0, "")
    less = dataclasses.replace(few[1], turntables={METHODS[0]: grey(0)})
    with pytest.raises(ValueError, match=r"hidden_thing_1 has turntables of \['secret_student'\]"):
        study_page([few[0], less], 0, "")
    with pytest.raises(ValueError, match="two objects have one name"):
        study_page([few[0], few[0]], 0, "")
    with pytest.raises(ValueError, match="at least one object"):
        study_page([], 0, "")


# --- turntables ---------------------------------------------------------------------------------


def handle(name: str, sighting) -> ObjectHandle:
    targets = torch.zeros(1, 4, SIZE, SIZE)
    one = BenchmarkObject(sighting, targets, ring([90.0], [5.0], CameraRig()), (90.0,), (5.0,))
    return ObjectHandle(name, lambda: one)


CONFIG = StudyConfig(frames=4, size=SIZE, objects=2)


def test_turntables_are_seen_from_all_around_and_begin_at_the_front(sighting):
    seen = []

    def watched(sighting, cameras, size, background):
        seen.append(cameras)
        return copy_input(sighting, cameras, size, background)

    (made,) = study_objects({"m": watched}, [handle("a", sighting)], CONFIG, CameraRig(), 1.0)
    expected = ring([0.0, 90.0, 180.0, 270.0], [5.0] * 4, CameraRig())
    torch.testing.assert_close(seen[0].world_to_camera, expected.world_to_camera)
    assert made.turntables["m"].shape == (4, SIZE, SIZE, 3)
    np.testing.assert_array_equal(made.turntables["m"][0], made.given)


def test_stored_outputs_are_found_by_the_objects_name(sighting, tmp_path):
    write_ply(extrude(sighting), tmp_path / "boxes" / "a.ply")
    methods = {"theirs": stored_outputs(tmp_path)}
    (made,) = study_objects(methods, [handle("boxes/a", sighting)], CONFIG, CameraRig(), 1.0)
    assert made.turntables["theirs"][0].min() < 200  # something stands there


def test_an_object_that_fails_is_left_out_and_told(sighting, caplog):
    def broken():
        raise OSError("no such mesh")

    def picky(sighting, cameras, size, background):
        images = copy_input(sighting, cameras, size, background).clone()
        return images * torch.nan if len(calls) > 1 or calls.append(1) else images

    calls: list[int] = [0]
    handles = [ObjectHandle("gone", broken), handle("good", sighting)]
    (made,) = study_objects({"m": copy_input}, handles, CONFIG, CameraRig(), 1.0)
    assert made.name == "good"
    assert "left out gone (the object itself): no such mesh" in caplog.text
    handles = [handle("good", sighting), handle("bad", sighting)]
    (made,) = study_objects({"picky": picky}, handles, CONFIG, CameraRig(), 1.0)
    assert made.name == "good"
    assert "left out bad (picky): expected finite pixels" in caplog.text
    with pytest.raises(ValueError, match=r"none of 1 objects can be shown.*gone.*no such mesh"):
        study_objects({"m": copy_input}, [ObjectHandle("gone", broken)], CONFIG, CameraRig(), 1.0)


@pytest.mark.parametrize(
    ("key", "value"), [("objects", 0), ("frames", 0), ("frame_ms", 5), ("elevation_deg", 90.0)]
)
def test_settings_out_of_range_are_named(key, value):
    with pytest.raises(ValueError, match=rf"StudyConfig\.{key} must"):
        StudyConfig(**{key: value})
