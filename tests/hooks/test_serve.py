"""`kedro serve`, from a project where nothing has been registered yet."""

from __future__ import annotations

import base64
import io
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from PIL import Image, ImageDraw

from dd3g_kedro.core.config_building import build
from dd3g_kedro.core.student.config import StudentConfig
from dd3g_kedro.core.student.weights import Student, save_student

LONGEST = 180  # seconds until a server answers on a slow machine


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that something listens at."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


@pytest.fixture
def free() -> int:
    """A port that nothing listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_a_port_in_use_is_a_sentence_that_names_it(kedro_here, taken):
    said = kedro_here("serve", "--port", str(taken))
    assert said.code == 1
    assert f"port {taken} of 127.0.0.1: expected a free one" in said.words
    assert "SERVE_PORT" in said.words


def test_without_tracking_there_is_no_registry(kedro_here, free, monkeypatch):
    monkeypatch.setenv("DD3G_TRACKING", "0")
    said = kedro_here("serve", "--port", str(free))
    assert said.code == 1
    assert "DD3G_TRACKING=0" in said.words


def test_the_shipped_student_serves_where_no_other_is_registered(scratch, kedro, project, free):
    missing = kedro("serve", "--port", str(free))
    assert missing.returncode == 1
    assert "expected a version with the alias champion" in missing.stderr
    assert "make data" in missing.stderr
    ship(project, scratch / "data/06_models/initial")
    environment = {**os.environ, "DD3G_TRACKING": "1"}
    environment.pop("MLFLOW_TRACKING_URI", None)
    command = [sys.executable, "-m", "kedro", "serve", "--port", str(free)]
    with subprocess.Popen(command, cwd=scratch, env=environment) as server:
        try:
            found = answer(f"http://127.0.0.1:{free}/invocations", server)
        finally:
            server.terminate()
    (ply,) = found["predictions"]
    assert base64.b64decode(ply).startswith(b"ply\n")


def ship(project: Path, folder: Path) -> None:
    """A small student with its card and its measures."""
    folder.mkdir(parents=True)
    text = (project / "conf/smoke/parameters_student.yml").read_text()
    config = build(StudentConfig, yaml.safe_load(text)["student"], "student")
    save_student(folder / "student.safetensors", Student.from_config(config, 0))
    (folder / "MODEL_CARD.md").write_text("# A student\n")
    (folder / "metrics.json").write_text(json.dumps({"student": {"novel_psnr": 10.0}}))


def answer(url: str, server: subprocess.Popen[bytes]) -> dict:
    """What the server says to a picture, as soon as it answers."""
    image = Image.new("RGBA", (64, 64), (0, 0, 0, 0))
    ImageDraw.Draw(image).ellipse((12, 12, 52, 52), fill=(200, 30, 30, 255))
    stream = io.BytesIO()
    image.save(stream, "PNG")
    picture = base64.b64encode(stream.getvalue()).decode()
    body = json.dumps({"inputs": [{"image": picture, "seed": 0}]}).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    started = time.monotonic()
    while time.monotonic() - started < LONGEST and server.poll() is None:
        try:
            with opener.open(request, timeout=30) as reply:
                return json.load(reply)
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.5)
    raise AssertionError(f"no answer; the server's exit code is {server.poll()}")
