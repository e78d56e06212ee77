"""The study's page in a real browser: a participant who stops, comes back and ends."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess

import numpy as np
import pytest

from dd3g_kedro.benchmark.study.answers import mean_scores, read_scores
from dd3g_kedro.benchmark.study.page import Study, StudyObject, study_page

METHODS = ("student", "rival", "baseline")
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next((found for found in map(shutil.which, BROWSERS) if found), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")

# A participant: scores by the opaque name, stops in the second object, comes back, ends.
PARTICIPANT = """
<pre id="report"></pre>
<script>
const report = JSON.parse(sessionStorage.getItem("report") || "{}");
const cards = () => [...document.querySelectorAll(".card")];
const score = made => {
  const id = made.querySelector("input").name;
  made.querySelectorAll("input")[parseInt(id, 16) % 10].click();
};
const enter = code => {
  find("code").value = code;
  find("start").querySelector("form").requestSubmit();
};
const tell = () => { find("report").textContent = JSON.stringify(report); };
addEventListener("error", event => { report.error = event.message; tell(); });
URL.createObjectURL = blob => {
  blob.text().then(text => { report.saved = JSON.parse(text); tell(); });
  return "#saved";
};
if (!report.first) {
  enter("two words");
  report.refused = find("rating").hidden;
  enter("p-07");
  report.first = find("where").textContent;
  find("next").click();
  report.still = find("where").textContent;
  report.complaint = find("missing").textContent;
  cards()[0].dispatchEvent(new KeyboardEvent("keydown", {key: "0"}));
  report.by_key = answers.scores[cards()[0].querySelector("input").name];
  cards().forEach(score);
  find("next").click();
  score(cards()[0]);
  report.before = JSON.stringify(answers.shown);
  turn(4);
  report.position = document.querySelector(".strip").style.backgroundPosition;
  const counts = {};
  for (let i = 0; i < 6000; i++) {
    const order = shuffled([0, 1, 2], generator("study" + i)).join("");
    counts[order] = (counts[order] || 0) + 1;
  }
  report.orders = counts;
  sessionStorage.setItem("report", JSON.stringify(report));
  location.reload();
} else {
  report.code = find("code").value;
  enter(report.code);
  report.resumed = find("where").textContent;
  report.given = find("count").textContent;
  report.checked = cards()[0].querySelectorAll("input:checked").length;
  report.same_order = JSON.stringify(answers.shown) === report.before;
  for (let i = 0; i < 5 && !find("rating").hidden; i++) {
    cards().forEach(score);
    find("next").click();
  }
  report.ended = !find("end").hidden;
  report.file = find("file").textContent;
  tell();
}
</script></body>"""


@pytest.fixture(scope="module")
def study() -> Study:
    """Three objects, three methods, nine frames."""
    frames = np.full((9, 32, 32, 3), 128, np.uint8)
    turntables = dict.fromkeys(METHODS, frames)
    objects = [StudyObject(f"thing_{i}", frames[0], turntables) for i in range(3)]
    return study_page(objects, seed=3, title="Which is best?")


@pytest.fixture(scope="module")
def visit(study, tmp_path_factory) -> dict:
    folder = tmp_path_factory.mktemp("browser")
    page = folder / "study.html"
    page.write_text(study.page.replace("</body>", PARTICIPANT), encoding="utf-8")
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]
    command += [
        f"--user-data-dir={folder / 'profile'}",
        "--virtual-time-budget=8000",
        page.as_uri(),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    found = re.search(r'<pre id="report">(.+?)</pre>', done.stdout, re.DOTALL)
    assert found, done.stdout[-2000:]
    return json.loads(html.unescape(found[1]))


def test_a_visit_in_a_browser_ends_as_scores_by_method(study, visit, tmp_path):
    assert "error" not in visit
    assert visit["ended"]
    assert visit["file"] == f"study-{study.key.study[:8]}-P-07.json"
    (tmp_path / visit["file"]).write_text(json.dumps(visit["saved"]))
    found = read_scores(tmp_path, study.key)
    assert (found["reason"] == "").all()
    assert set(found["participant"]) == {"P-07"}
    by_pair = found.set_index(["object_id", "method"])["score"]
    expected = {pair: int(code, 16) % 10 + 1 for code, pair in study.key.samples.items()}
    assert by_pair.to_dict() == expected
    assert len(mean_scores(found)) == len(METHODS)


def test_nobody_gets_on_without_a_code_or_with_missing_scores(visit):
    assert visit["refused"]
    assert visit["first"] == visit["still"] == "Object 1 of 3"
    assert visit["complaint"] == "3 models have no score yet."
    assert visit["by_key"] == 10


def test_who_comes_back_goes_on_where_they_stopped(visit):
    assert visit["code"] == "P-07"
    assert visit["resumed"] == "Object 2 of 3"
    assert visit["given"] == "4 of 9 scores"
    assert visit["checked"] == 1
    assert visit["same_order"]


def test_every_order_is_equally_likely_and_told_in_the_file(study, visit):
    assert len(visit["orders"]) == 6
    assert all(abs(count - 1000) < 150 for count in visit["orders"].values())
    shown = visit["saved"]["shown"]
    assert {code for item in shown for code in item["samples"]} == set(study.key.samples)
    assert visit["saved"]["started"] < visit["saved"]["finished"]


def test_the_fifth_frame_is_the_one_in_the_middle_of_three_by_three(visit):
    assert visit["position"] == "50% 50%"
