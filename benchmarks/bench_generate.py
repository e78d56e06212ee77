"""One picture to a `.ply`, warm: `pytest -n 0 --jaxtyping-packages= benchmarks/bench_generate.py`.

Wanted: under 1 s on two cores from the file of the picture to the file of the object, without
sheet and turntable. The student is the one of `conf/base`, untrained: time does not depend on
weights.

Measured on two cores of an AMD EPYC with AVX-512, torch 2.12, float32, two other busy processes
beside it: 0.35 s on the clock, 0.23 s of processor time, most of it the network's forward pass.
Eight views and 36 frames of 256 pixels with their files take about 2 s more.
"""

from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from dd3g_kedro.core.config_building import build
from dd3g_kedro.core.devices import default_device
from dd3g_kedro.core.student.config import StudentConfig
from dd3g_kedro.core.student.weights import Student
from dd3g_kedro.formats.ply import write_ply
from dd3g_kedro.generation.config import Framing, GenerateConfig
from dd3g_kedro.generation.lifting import generate
from dd3g_kedro.generation.objects import make_object, write_object
from dd3g_kedro.pictures.config import ImageLimits
from dd3g_kedro.pictures.framing import frame
from dd3g_kedro.pictures.reading import read_rgba

ROOT = Path(__file__).parents[1]
LIMITS = ImageLimits()


@pytest.fixture(scope="module")
def student() -> Student:
    numbers = yaml.safe_load((ROOT / "conf/base/parameters_student.yml").read_text())
    config = build(StudentConfig, numbers["student"], "student")
    return Student.from_config(config, seed=0).eval().to(default_device())


@pytest.fixture(scope="module")
def picture(tmp_path_factory) -> Path:
    """A shaded disc of 512 pixels, off centre, so that it has to be recentred."""
    y, x = np.mgrid[:512, :512]
    inside = (x - 300) ** 2 + (y - 200) ** 2 < 150**2
    rgba = np.stack([x // 2, y // 2, (x + y) // 4, inside * 255], axis=-1).astype(np.uint8)
    path = tmp_path_factory.mktemp("picture") / "disc.png"
    Image.fromarray(rgba).save(path)
    return path


def test_picture_to_ply(benchmark, student, picture, tmp_path):
    def lift():
        write_ply(generate(student, read_rgba(picture, LIMITS), seed=0), tmp_path / "object.ply")

    benchmark.pedantic(lift, rounds=5, warmup_rounds=2)
    assert benchmark.stats["min"] < 1.0


def test_reading_and_framing(benchmark, student, picture):
    size = student.config.image_size
    benchmark.pedantic(
        lambda: frame(read_rgba(picture, LIMITS), size, Framing()), rounds=5, warmup_rounds=1
    )


def test_whole_folder_with_sheet_and_turntable(benchmark, student, picture, tmp_path):
    config = GenerateConfig()
    rgba = read_rgba(picture, LIMITS)

    def make():
        write_object(tmp_path / "disc", make_object(student, rgba, 0, config))

    benchmark.pedantic(make, rounds=3, warmup_rounds=1)
