"""The report in a real browser: it opens from disk, asks for nothing, and can be worked with."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.reporting.conftest import HOSTILE, METHOD

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next((found for found in map(shutil.which, BROWSERS) if found), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")

WATCH = """<head><script>
const seen = {errors: [], violations: []};
const wrong = words => seen.errors.push(String(words));
addEventListener("error", event => wrong(event.message || event.target.tagName), true);
addEventListener("unhandledrejection", event => wrong(event.reason));
addEventListener("securitypolicyviolation", event => seen.violations.push(event.blockedURI));
for (const kind of ["error", "warn"]) console[kind] = (...words) => wrong(words.join(" "));
</script>"""
READER = """<pre id="seen"></pre><script>
const every = query => [...document.querySelectorAll(query)];
const shown_rows = () => every("#per-object tbody tr").filter(row => row.offsetParent);
const column = number => shown_rows().map(row => row.cells[number].textContent);
const heading = number => every("#per-object thead button")[number];
const type = key => document.body.dispatchEvent(
  new KeyboardEvent("keydown", {key, bubbles: true, cancelable: true}));
const paper = () => getComputedStyle(document.body).backgroundColor;
setTimeout(() => {
  seen.title = document.title;
  seen.width = root.scrollWidth <= innerWidth;
  seen.means = every("#table table tbody tr").map(row => row.textContent.replace(/\\s+/g, " "));
  seen.objects = every("#pictures h3").map(each => each.textContent);
  seen.rows = shown_rows().length;
  heading(2).click();
  seen.falling = column(2);
  heading(2).click();
  seen.rising = column(2);
  find("find").value = "COPY_input";
  find("find").oninput();
  seen.searched = column(1);
  find("find").value = "";
  find("failures").click();
  seen.failures = shown_rows().length;
  find("failures").click();
  type("1");
  seen.hidden = shown_rows().length;
  seen.pressed = document.querySelector(".chip").getAttribute("aria-pressed");
  type("1");
  seen.again = shown_rows().length;
  const first = document.querySelector("#pictures .target.compared");
  const now = () => [
    document.querySelector("#pictures output").textContent,
    first.style.getPropertyValue("--x"),
    first.parentElement.querySelector(".now").textContent,
  ];
  near.add(first);
  turn("target", 0);
  seen.front = now();
  type("ArrowRight");
  seen.right = now();
  type("ArrowLeft");
  type("ArrowLeft");
  seen.left = now();
  type("d");
  seen.difference = getComputedStyle(first).backgroundBlendMode;
  type("d");
  const before = [root.dataset.theme, paper()];
  type("t");
  seen.themes = [before[0], root.dataset.theme, paper() !== before[1]];
  type("j");
  seen.focus = document.activeElement.id;
  type("?");
  seen.help = find("help").open;
  find("help").close();
  const drawn = new Image();
  drawn.onload = () => { seen.drawn = [drawn.naturalWidth, drawn.naturalHeight]; tell(); };
  drawn.src = first.style.getPropertyValue("--own").replace(/^url\\(["']?|["']?\\)$/g, "");
}, 300);
function tell() {
  const asked = performance.getEntriesByType("resource").map(entry => entry.name);
  seen.asked = asked.filter(name => !name.startsWith("data:"));
  find("seen").textContent = JSON.stringify(seen);
}
</script></body>"""


@pytest.fixture(scope="module")
def seen(page: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("browser")
    visited = folder / "report.html"
    visited.write_text(page.replace("<head>", WATCH, 1).replace("</body>", READER), "utf-8")
    return opened(visited, folder)


def opened(path: Path, folder: Path) -> dict[str, Any]:
    command = [str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]
    command += [f"--user-data-dir={folder / 'profile'}", "--window-size=1300,900"]
    command += ["--virtual-time-budget=6000", path.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    found = re.search(r'<pre id="seen">(.+?)</pre>', done.stdout, re.DOTALL)
    assert found, done.stdout[-2000:]
    return json.loads(html.unescape(found[1]))


def test_nothing_goes_wrong_and_nothing_is_asked_for(seen):
    assert seen["errors"] == []
    assert seen["violations"] == []
    assert seen["asked"] == []
    assert seen["title"] == "DD3G: report under protocol known-1"
    assert seen["width"]


def test_the_numbers_are_there(seen, evaluated):
    for method, row in zip(evaluated.methods, seen["means"], strict=False):
        assert method in row
        assert f"{evaluated.metrics[method]['psnr']:.2f}" in row
    assert seen["rows"] == len(evaluated.per_object)


def test_hostile_names_are_only_words(seen):
    assert HOSTILE in seen["objects"]
    assert any(METHOD in row for row in seen["means"])


def test_rows_are_sorted_with_failures_last(seen, evaluated):
    values = evaluated.per_object["psnr"].dropna()
    falling = [f"{value:.2f}" for value in sorted(values, reverse=True)]
    assert seen["falling"][: len(falling)] == falling
    assert seen["rising"][: len(falling)] == falling[::-1]
    assert all("failed" in text for text in seen["falling"][len(falling) :])
    assert all("failed" in text for text in seen["rising"][len(falling) :])


def test_rows_are_found_and_methods_hidden(seen, evaluated):
    assert seen["searched"] == ["copy_input"] * 7
    assert seen["failures"] == 6
    assert seen["hidden"] == seen["again"] - 7
    assert seen["pressed"] == "false"


def test_pictures_turn_together_and_tell_their_score(seen, evaluated):
    table = evaluated.per_view
    name = sorted(evaluated.objects)[0]
    own = table[(table["method"] == "student") & (table["object_id"] == name)]["psnr"]
    expected = [f"{value:.2f}" for value in own]
    assert seen["front"] == ["1 of 4 · 0°", "0%", expected[0]]
    assert seen["right"] == ["2 of 4 · 90°", "100%", expected[1]]
    assert seen["left"] == ["4 of 4 · 270°", "100%", expected[3]]
    assert seen["drawn"] == [2 * 48, 2 * 48]


def test_the_keyboard_reaches_everything(seen):
    assert "difference" in seen["difference"]
    assert sorted(seen["themes"][:2]) == ["dark", "light"]
    assert seen["themes"][2]
    assert seen["focus"] == "object-1"
    assert seen["help"]
