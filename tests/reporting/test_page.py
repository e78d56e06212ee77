"""The report's page: whole, escaped, and every number under its protocol."""

from __future__ import annotations

import dataclasses
import html
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from tests.reporting.conftest import HOSTILE, METHOD

from dd3g_kedro.reporting.ablated import read_ablations
from dd3g_kedro.reporting.page import report_page
from dd3g_kedro.reporting.runs import Run

NOTHING = read_ablations(Path("/nonexistent"))
NUMBER = re.compile(r"\d\.\d{2}")


class Outline(HTMLParser):
    """Tags, what is asked for, and the words of every table, chart and section."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.tables: list[str] = []
        self.figures: list[str] = []
        self.sections: dict[str, str] = {}
        self._inside: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag == "table":
            self.tables.append("")
        if tag == "figure" and dict(attrs).get("class") == "chart":
            self.figures.append("")
        if tag == "section":
            self.sections[dict(attrs)["id"]] = ""
        self._inside.append(tag)

    def handle_endtag(self, tag):
        while self._inside and self._inside.pop() != tag:
            pass

    def handle_data(self, data):
        if "table" in self._inside:
            self.tables[-1] += data
        if "figure" in self._inside and self.figures:
            self.figures[-1] += data
        if "section" in self._inside:
            self.sections[list(self.sections)[-1]] += data


def outline(page: str) -> Outline:
    found = Outline()
    found.feed(page)
    return found


def test_the_page_asks_for_nothing_outside(page):
    found = outline(page)
    assert not {"link", "iframe", "object", "embed", "base"} & set(found.tags)
    for name, value in found.attributes:
        assert name not in ("src", "srcset", "action", "poster") or value.startswith("data:")
        assert name != "href" or value.startswith("#")
    assert not re.search(r"@import|fetch\(|XMLHttpRequest|import\(", page)
    assert set(re.findall(r"url\((?!#)(.{5})", page)) == {"data:"}
    assert "default-src 'none'" in page


def test_names_of_objects_and_methods_stay_text(page):
    assert HOSTILE not in page
    assert METHOD not in page
    assert html.escape(HOSTILE, quote=False).replace('"', "&#34;").replace("'", "&#39;") in page
    found = outline(page)
    assert found.tags.count("script") == 1
    assert not any(name.startswith("on") for name, _ in found.attributes)
    assert HOSTILE in found.sections["pictures"]
    assert METHOD in found.sections["table"]
    assert "49" not in re.findall(r"\{\{.*?\}\}", found.sections["pictures"])


def test_every_table_and_chart_names_the_protocol(page, evaluated):
    found = outline(page)
    stamp = f"{evaluated.id} · {evaluated.digest[:12]}"
    numbered = [text for text in found.tables if NUMBER.search(text)]
    assert len(numbered) == 3  # raw, aligned, per object
    assert all(stamp in text for text in numbered)
    for name in ("summary", "table", "differences", "objects", "pictures", "turntables"):
        assert stamp in found.sections[name], name
    assert evaluated.digest in found.sections["protocol"]


def test_every_measured_number_is_there(page, evaluated):
    shown = outline(page).sections
    for method in evaluated.methods:
        for metric in ("psnr", "novel_psnr", "foreground_psnr"):
            assert f"{evaluated.metrics[method][metric]:.2f}" in shown["table"]
    for value in evaluated.per_object["psnr"].dropna():
        assert f"{value:.2f}" in shown["objects"]
    for row in evaluated.intervals[evaluated.intervals["minus"] != ""].itertuples():
        places = 2 if row.metric.endswith("psnr") else 3
        written = f"{row.mean:+.{places}f}".replace("-", "\N{MINUS SIGN}")
        assert written in shown["differences"]
    first = evaluated.per_view[evaluated.per_view["method"] == "student"].iloc[0]
    assert f"{first['psnr']:.2f}" in shown["pictures"]


def test_failures_stand_with_their_reason(page, evaluated):
    failed = evaluated.per_object[evaluated.per_object["status"] == "failed"]
    assert len(failed) == 6
    shown = outline(page).sections["objects"]
    assert all(f"failed: {reason}" in shown for reason in failed["reason"])


def test_a_number_may_name_an_object(evaluated):
    assert "007" in evaluated.objects
    assert set(evaluated.pictures["object_id"]) == set(evaluated.objects)


def test_what_was_not_measured_says_which_command_does(page):
    shown = outline(page).sections
    for name, command in {
        "costs": "kedro run --pipelines=evaluate --params=evaluate.costs=true",
        "study": "kedro run --pipelines=evaluate",
        "quoted": "kedro run --env=paper --pipelines=evaluate",
        "ablations": "kedro run --pipelines=ablate",
        "strips": "kedro run --pipelines=ablate --namespaces=held_out,interpolation",
        "runs": "kedro run --pipelines=evaluate",
    }.items():
        assert command in shown[name], name
    assert "lpips_vgg: evaluate.lpips.vgg names no file" in shown["table"]


def test_a_study_keeps_the_protocol_of_its_own_page(evaluated, scores):
    asked = dataclasses.replace(evaluated, study_scores=scores)
    shown = outline(report_page(asked, NOTHING, [])).sections["study"]
    assert "old-1 · abababababab" in shown
    assert "6.25 [5.50, 7.00]" in shown
    assert "4 participants, 3 objects" in shown


def test_runs_are_named_and_nothing_links_to_another_page(evaluated):
    runs = [Run("evaluate", "abc"), Run("sample", "<b>def</b>")]
    page = outline(report_page(evaluated, NOTHING, runs))
    assert all(v.startswith("#") for n, v in page.attributes if n == "href")
    assert "abc" in page.sections["runs"]
    assert "<b>def</b>" in page.sections["runs"]  # as text


def test_the_same_results_give_the_same_page(evaluated, page):
    assert report_page(evaluated, NOTHING, []) == page


@pytest.mark.parametrize("part", ["intervals", "per_object", "per_view", "pictures"])
def test_parts_of_different_evaluations_are_refused(evaluated, part):
    other = getattr(evaluated, part).assign(protocol="known-2")
    with pytest.raises(ValueError, match=rf"{part}\.\w+ is of the protocol known-2, .*known-1"):
        dataclasses.replace(evaluated, **{part: other})


def test_numbers_of_another_manifest_are_refused(evaluated):
    metrics = evaluated.metrics | {"protocol": {"digest": "00"}}
    with pytest.raises(ValueError, match=r"metrics\.json is of the protocol 00"):
        dataclasses.replace(evaluated, metrics=metrics)


def test_one_method_and_no_pictures_still_make_a_page(evaluated):
    alone = {
        name: table[table["method"].isin(["student", ""])]
        for name in ("per_object", "per_view", "intervals")
        if (table := getattr(evaluated, name)) is not None
    }
    alone["intervals"] = alone["intervals"][alone["intervals"]["minus"] == ""]
    less = dataclasses.replace(evaluated, pictures=evaluated.pictures.iloc[:0], **alone)
    shown = outline(report_page(less, NOTHING, [])).sections
    assert "There is only one method" in shown["differences"]
    assert "No pictures were kept" in shown["pictures"]
    assert "No turntables were kept" in shown["turntables"]
