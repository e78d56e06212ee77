"""CLIP similarity, alone where there is no truth and beside the other metrics where there is."""

from __future__ import annotations

import math
import sys
from functools import partial
from types import ModuleType

import numpy as np
import pytest
import torch
from tests.known_objects import drawing, protocol_file, views_table

from dd3g_kedro.benchmark.comparison import compare
from dd3g_kedro.benchmark.config import EvaluateConfig, LpipsWeights
from dd3g_kedro.benchmark.methods.lifters import Lifted, copy_input, extruded_silhouette
from dd3g_kedro.benchmark.run import evaluate
from dd3g_kedro.benchmark.scores.intervals import intervals
from dd3g_kedro.benchmark.scores.names import PSNR_CAP
from dd3g_kedro.benchmark.scores.scoring import Scorer
from dd3g_kedro.benchmark.tables import report
from dd3g_kedro.benchmark.tables.pictures import azimuth_plot, picture_sheet
from dd3g_kedro.benchmark.tables.table import markdown
from dd3g_kedro.benchmark.truth.stored_views import StoredViews
from dd3g_kedro.benchmark.truth.views import BenchmarkObject, ObjectHandle, Sighting, ring
from dd3g_kedro.core.errors import MissingWeights
from dd3g_kedro.core.geometry import CameraRig
from dd3g_kedro.core.objective.background import composite


def on_white(rgba):
    return composite(rgba, torch.ones(3))


def grey(sighting, cameras, size, background):
    return torch.full((cameras.world_to_camera.shape[1], 3, size, size), 0.5)


class FakeClip:
    """Similarity 1 - |difference of the means|."""

    def __init__(self, folder, device="cpu"):
        if not folder.is_dir():
            raise MissingWeights(f"{folder}: expected a CLIP model, found none")

    def __call__(self, image, views):
        return (1 - (views.mean(dim=(1, 2, 3)) - image.mean()).abs()).tolist()


@pytest.fixture
def clip(monkeypatch, tmp_path):
    module = ModuleType("dd3g_kedro.benchmark.scores.clip_similarity")
    module.ClipSimilarity, module.WEIGHTS = FakeClip, "weights"
    monkeypatch.setitem(sys.modules, module.__name__, module)
    (tmp_path / "clip").mkdir()
    (tmp_path / "clip" / "weights").write_bytes(b"abc")
    return tmp_path / "clip"


def without_truth(count: int = 2) -> list[ObjectHandle]:
    def load(seed: int) -> BenchmarkObject:
        cameras = ring([0.0, 120.0, 240.0], [5.0] * 3, CameraRig())
        sighting = Sighting(drawing(seed), ring([0.0], [5.0], CameraRig()))
        return BenchmarkObject(sighting, None, cameras, (0.0, 120.0, 240.0), (5.0,) * 3)

    return [ObjectHandle(f"picture{k}", partial(load, k)) for k in range(count)]


def test_pictures_without_truth_have_their_clip_similarity_and_nothing_else(clip, tmp_path):
    path = protocol_file(tmp_path, source="images", azimuths_deg=[0, 120, 240])
    config = EvaluateConfig(protocol=path, objects=str(tmp_path), clip=str(clip))
    scorer = Scorer(LpipsWeights(), 1.0, torch.device("cpu"), clip)
    methods = {"slab": Lifted(extruded_silhouette), "copy_input": copy_input, "grey": grey}
    found = evaluate(methods, without_truth(), scorer, config)
    numbers = report.summary(found, "abc")
    assert numbers["copy_input"]["clip_similarity"] == pytest.approx(1)
    assert numbers["copy_input"]["psnr"] is None
    assert numbers["slab"]["aligned_psnr"] is None
    assert not found.alignments
    by_hand = np.mean([abs(0.5 - float(on_white(drawing(k)).mean())) for k in range(2)])
    assert numbers["grey"]["clip_similarity"] == pytest.approx(1 - by_hand, abs=1e-5)
    sure = intervals(report.per_object(found), found.methods)
    assert set(sure["metric"]) == {"clip_similarity", "used_gaussians"}
    text = markdown(found, numbers, sure)
    assert "no ground truth" in text
    assert "PSNR" not in text
    table = report.by_azimuth(found)
    assert set(table["metric"]) == {"clip_similarity"}
    assert azimuth_plot(table).size[0] > 500
    assert list(found.sheet[0].rows) == ["slab", "copy_input", "grey"]
    assert picture_sheet(found).size[1] > 300


def test_without_truth_and_clip_model_there_is_nothing_to_measure(clip, student, tmp_path):
    config = EvaluateConfig(protocol="images", objects=str(tmp_path), clip=str(clip / "absent"))
    with pytest.raises(MissingWeights, match="absent: expected a CLIP model"):
        compare(student, StoredViews(tmp_path / "absent"), config)


def test_clip_similarity_is_scored_beside_the_truth_too(clip, config, handles):
    scorer = Scorer(LpipsWeights(), 1.0, torch.device("cpu"), clip)
    found = evaluate({"copy_input": copy_input}, handles(views_table(1)), scorer, config)
    # FIPS 180's example
    assert found.protocol["clip"].startswith("ba7816bf8f01cfea414140de5dae2223")
    numbers = report.summary(found, "abc")["copy_input"]
    assert numbers["clip_similarity"] == pytest.approx(1)
    assert numbers["psnr"] < PSNR_CAP


def test_without_a_clip_model_its_similarity_is_a_dash_that_says_why(clip):
    cpu = torch.device("cpu")
    for folder, reason in ((None, "evaluate.clip names no"), (clip / "absent", "absent")):
        scorer = Scorer(LpipsWeights(), 1.0, cpu, folder)
        assert reason in scorer.missing["clip_similarity"]
        assert math.isnan(scorer.similarity(drawing()[:3], torch.zeros(1, 3, 8, 8))[0])
    broken = torch.full((1, 3, 8, 8), math.nan)
    with pytest.raises(ValueError, match="NaN or infinity"):
        Scorer(LpipsWeights(), 1.0, cpu, clip).similarity(drawing()[:3], broken)
