from __future__ import annotations

import base64
import io
import os
import socket
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from click.testing import CliRunner
from PIL import Image, ImageDraw

from dd3g_kedro.cli import cli
from dd3g_kedro.core.config_building import build
from dd3g_kedro.core.student.config import StudentConfig
from dd3g_kedro.core.student.weights import Student, load_student, save_student
from dd3g_kedro.formats.ply import read_ply
from dd3g_kedro.generation.lifting import generate
from dd3g_kedro.pictures.config import ImageLimits
from dd3g_kedro.pictures.reading import read_rgba


@pytest.fixture(scope="module")
def weights(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    text = (project / "conf" / "smoke" / "parameters_student.yml").read_text()
    config = build(StudentConfig, yaml.safe_load(text)["student"], "student")
    path = tmp_path_factory.mktemp("student") / "student.safetensors"
    save_student(path, Student.from_config(config, 0))
    return path


@pytest.fixture(scope="module")
def served(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The model as a server would load it, from its own copy of the weights."""
    import mlflow

    import dd3g_kedro.serving

    folder = tmp_path_factory.mktemp("model") / "model"
    mlflow.pyfunc.save_model(
        folder,
        python_model=dd3g_kedro.serving.__file__,
        artifacts={"student": str(weights)},
        pip_requirements=[],
    )
    return mlflow.pyfunc.load_model(str(folder))


@pytest.fixture(scope="module")
def picture() -> bytes:
    image = Image.new("RGBA", (64, 64), (0, 0, 0, 0))
    ImageDraw.Draw(image).ellipse((12, 12, 52, 52), fill=(200, 30, 30, 255))
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()


def request(picture: bytes, **options: Any) -> dict[str, Any]:
    return {"image": base64.b64encode(picture).decode(), **options}


def test_the_answer_is_the_object_that_the_library_makes(
    served, weights: Path, picture: bytes, tmp_path: Path
):
    (answer,) = served.predict([request(picture, seed=7)])
    (tmp_path / "answer.ply").write_bytes(base64.b64decode(answer))
    (tmp_path / "picture.png").write_bytes(picture)
    rgba = read_rgba(tmp_path / "picture.png", ImageLimits())
    expected = generate(load_student(weights), rgba, 7)
    found = read_ply(tmp_path / "answer.ply")
    torch.testing.assert_close(found.means.cpu(), expected.means.cpu(), rtol=1e-4, atol=1e-5)


def test_a_seed_gives_its_bytes_again(served, picture: bytes):
    first, again, other = served.predict(
        [request(picture, seed=1), request(picture, seed=1), request(picture, seed=2)]
    )
    assert first == again != other


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"image": "!!!"}, "base64"),
        ({"image": base64.b64encode(b"hello").decode()}, "not a picture"),
        ({"seed": 1}, "image"),
        ({"image": "", "seed": -1}, "seed"),
    ],
)
def test_a_bad_request_is_refused_with_its_reason(served, wrong: dict[str, Any], told: str):
    from mlflow.exceptions import MlflowException

    with pytest.raises(MlflowException, match=told) as caught:
        served.predict([wrong])
    assert caught.value.get_http_status_code() == 400
    assert "/tmp" not in str(caught.value)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A store of tracked runs of its own, and what would be started in this process's place."""
    from mlflow.tracking import MlflowClient

    started: list[list[str]] = []
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    monkeypatch.setattr(os, "execv", lambda _, command: started.append(command))
    return MlflowClient(tracking_uri=uri), started


@pytest.mark.parametrize("made", [False, True])
def test_serving_without_a_champion_says_what_registers_one(
    store: Any, made: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, started = store
    if made:
        client.create_registered_model("dd3g-student")  # without a version
    else:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/absent.db")
    told = CliRunner().invoke(cli, ["serve", "--port", str(free_port())])
    assert told.exit_code == 1
    assert "expected a version with the alias champion, found none" in told.output
    assert "kedro run --pipelines=distill" in told.output
    assert not (tmp_path / "absent.db").exists()
    assert not started


def test_the_champion_is_served_at_the_port_that_is_asked_for(store: Any, tmp_path: Path) -> None:
    client, started = store
    client.create_registered_model("dd3g-student")
    made = client.create_model_version("dd3g-student", tmp_path.as_uri())
    client.set_registered_model_alias("dd3g-student", "champion", made.version)
    port = free_port()
    assert CliRunner().invoke(cli, ["serve", "--port", str(port)]).exit_code == 0
    (command,) = started
    assert command[:4] == [sys.executable, "-m", "mlflow", "models"]
    assert "models:/dd3g-student@champion" in command
    assert command[-1] == str(port)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        number = taken.getsockname()[1]
        told = CliRunner().invoke(cli, ["serve", "--port", str(number)])
    assert told.exit_code == 1
    assert f"port {number} of 127.0.0.1: expected a free one" in told.output
    assert "SERVE_PORT" in told.output
    assert len(started) == 1


def free_port() -> int:
    """A port that nothing listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
