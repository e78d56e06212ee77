"""Aligned numbers stand beside the raw ones, and the truth has no say in them."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from tests.known_objects import drawing, png, views_table

from dd3g_kedro.benchmark.config import LpipsWeights
from dd3g_kedro.benchmark.methods.lifters import Lifted, copy_input, extrude, extruded_silhouette
from dd3g_kedro.benchmark.run import evaluate
from dd3g_kedro.benchmark.scores.intervals import intervals
from dd3g_kedro.benchmark.scores.scoring import Scorer
from dd3g_kedro.benchmark.tables import report
from dd3g_kedro.benchmark.tables.table import markdown
from dd3g_kedro.core.config_building import plain


@pytest.fixture
def scorer() -> Scorer:
    return Scorer(LpipsWeights(), 1.0, torch.device("cpu"))


def turned_slab(turn_deg: float) -> Lifted:
    """The extruded silhouette, turned: its raw views are wrong, its aligned ones right."""

    def lift(sighting, background):
        slab = extrude(sighting)
        half = math.radians(turn_deg) / 2
        turn = torch.tensor([math.cos(half), 0, 0, math.sin(half)])
        around = torch.tensor(
            [
                [math.cos(2 * half), -math.sin(2 * half), 0],
                [math.sin(2 * half), math.cos(2 * half), 0],
                [0, 0, 1],
            ]
        )
        return replace(
            slab, means=slab.means @ around.T, quaternions=turn.expand_as(slab.quaternions)
        )

    return Lifted(lift)


def test_aligned_numbers_are_those_of_an_object_that_was_never_turned(config, scorer, handles):
    methods = {
        "straight": Lifted(extruded_silhouette),
        "turned": turned_slab(40),
        "copy_input": copy_input,
    }
    found = evaluate(methods, handles(views_table(2)), scorer, config)
    numbers = report.summary(found, "abc")
    straight, turned = numbers["straight"], numbers["turned"]
    assert turned["psnr"] < straight["psnr"] - 0.5
    assert turned["aligned_psnr"] == pytest.approx(straight["psnr"], abs=0.3)
    assert straight["aligned_psnr"] == pytest.approx(straight["psnr"], abs=0.3)
    assert numbers["copy_input"]["aligned_psnr"] is None
    table = report.per_object(found).set_index(["method", "object_id"])
    assert table.loc[("turned", "object0"), "turn_deg"] == pytest.approx(-40, abs=2)
    assert math.isnan(table.loc[("copy_input", "object0"), "turn_deg"])
    sure = intervals(report.per_object(found), found.methods)
    assert "aligned_psnr" in set(sure[sure["minus"] == "turned"]["metric"])
    assert "aligned_psnr" not in set(sure[sure["minus"] == "copy_input"]["metric"])
    text = markdown(found, numbers, sure)
    assert found.protocol["alignment"] == plain(config.alignment)
    assert found.protocol["clip"] is None
    assert "vertical axis, not scaled (every 10 degrees, then to 0.5, compared at 64 px)" in text
    found.protocol["alignment"]["scale"] = True
    assert "vertical axis and scaled (every 10 degrees" in markdown(found, numbers, sure)
    aligned = text.split("Aligned: ")[1].split("\n\n")[1]
    assert [line.split(" | ")[0] for line in aligned.splitlines()[2:]] == ["| straight", "| turned"]


def test_alignment_never_sees_the_truth(config, scorer, handles):
    """Other truths, the same turns."""
    table = views_table(1)
    first = evaluate({"slab": turned_slab(40)}, handles(table), scorer, config)
    for place in range(1, 5):
        table.at[place, "png"] = png(drawing(77 + place).flip(-1))
    other = evaluate({"slab": turned_slab(40)}, handles(table), scorer, config)
    assert first.alignments == other.alignments
    assert report.summary(first, "a")["slab"] != report.summary(other, "a")["slab"]
