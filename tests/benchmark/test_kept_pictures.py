"""Pictures that an evaluation keeps for its report."""

from __future__ import annotations

import dataclasses
import io

import numpy as np
import pytest
import torch
from PIL import Image
from tests.known_objects import SIZE, views_table

from dd3g_kedro.benchmark.config import LpipsWeights, PicturesConfig
from dd3g_kedro.benchmark.methods.lifters import BASELINES
from dd3g_kedro.benchmark.run import evaluate
from dd3g_kedro.benchmark.scores.scoring import Scorer
from dd3g_kedro.benchmark.tables.kept_pictures import kept_table
from dd3g_kedro.benchmark.tables.strips import tiled
from dd3g_kedro.core.objective.background import composite

CONFIG = PicturesConfig(objects=2, views=3, size=24, frames=5, turntable_size=16)


@pytest.fixture
def scorer():
    return Scorer(LpipsWeights(), 1.0, torch.device("cpu"))


def kept(handles, scorer, config, pictures, objects: int = 3):
    found = evaluate(BASELINES, handles(views_table(objects)), scorer, config, pictures)
    return kept_table(found.kept, found.manifest.id)


def pixels(content: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB")).astype(float)


def test_nothing_is_kept_unless_asked_for(handles, scorer, config):
    assert len(kept(handles, scorer, config, None)) == 0


def test_every_shown_object_has_its_input_truth_views_and_turntables(handles, scorer, config):
    table = kept(handles, scorer, config, CONFIG)
    assert list(table["object_id"].unique()) == ["object0", "object1"]  # of three, evenly
    assert set(table["protocol"]) == {"known-1"}
    one = table[table["object_id"] == "object0"]
    pairs = set(zip(one["kind"], one["method"], strict=True))
    assert pairs == {
        ("input", ""), ("ground truth", ""), ("turntable", "extruded_silhouette"),
        *(("views", method) for method in BASELINES),
    }  # fmt: skip
    views = one[one["kind"] == "views"]
    assert all(tuple(positions) == (0, 1, 2) for positions in views["positions"])
    assert all(tuple(angles) == (0.0, 90.0, 180.0) for angles in views["azimuths_deg"])
    turned = one[one["kind"] == "turntable"].iloc[0]
    assert (turned["frames"], turned["columns"]) == (5, 3)
    assert pixels(turned["webp"]).shape == (2 * 16, 3 * 16, 3)


def test_the_truth_is_seen_over_the_background_at_the_chosen_views(handles, scorer, config):
    whole = dataclasses.replace(CONFIG, size=SIZE, frames=0)
    table = kept(handles, scorer, config, whole, objects=1)
    assert not (table["kind"] == "turntable").any()
    truth = table[table["kind"] == "ground truth"].iloc[0]
    (handle,) = handles(views_table(1))
    expected = composite(handle.load().targets[:3], torch.ones(3, 3))
    frames = (expected * 255).round().byte().permute(0, 2, 3, 1).numpy()
    difference = np.abs(pixels(truth["webp"]) - tiled(frames, int(truth["columns"])))
    assert difference.mean() < 3  # WebP is lossy


def test_frames_lie_row_by_row():
    frames = np.arange(5, dtype=np.uint8)[:, None, None, None] + np.zeros((5, 2, 2, 3), np.uint8)
    sheet = tiled(frames, 2)[::2, ::2, 0]
    np.testing.assert_array_equal(sheet, [[0, 1], [2, 3], [4, 255]])


@pytest.mark.parametrize(
    ("key", "value"), [("objects", 0), ("size", 8), ("frames", -1), ("elevation_deg", 90.0)]
)
def test_settings_out_of_range_are_named(key, value):
    with pytest.raises(ValueError, match=rf"PicturesConfig\.{key} must"):
        PicturesConfig(**{key: value})
