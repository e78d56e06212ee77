from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from PIL import Image, ImageDraw

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
