"""The generate pipeline in memory: pictures in, folders out, clear words where that fails."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml
from kedro.io import DataCatalog, MemoryDataset
from kedro.runner import SequentialRunner
from PIL import Image
from tests.known_objects import drawing, png, saved_student

from dd3g_kedro.core.errors import InvalidImage
from dd3g_kedro.datasets.generated_objects import GeneratedObjectsDataset
from dd3g_kedro.generation.config import GenerateConfig
from dd3g_kedro.pipelines.generate import create_pipeline

SMALL = {"views": 2, "frames": 2, "size": 32}
FILES = {"object.ply", "object.splat", "sheet.png", "turntable.webp"}


@pytest.fixture
def run(project: Path, tmp_path: Path):
    student = saved_student(project, tmp_path)

    def generate(image: object, **options: object) -> GeneratedObjectsDataset:
        written = GeneratedObjectsDataset(filepath=str(tmp_path / "generated"))
        catalog = DataCatalog(
            {
                "student": MemoryDataset(student, copy_mode="assign"),
                "params:image": MemoryDataset(image),
                "params:generate": MemoryDataset(GenerateConfig(pictures=SMALL, **options)),
                "generated": written,
            }
        )
        SequentialRunner().run(create_pipeline(), catalog)
        return written

    return generate


def save_picture(path: Path, seed: int = 0) -> str:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(png(drawing(seed)))
    return str(path)


def test_a_picture_becomes_a_folder(run, tmp_path):
    written = run(save_picture(tmp_path / "mug.png"))
    assert {path.name for path in (tmp_path / "generated" / "mug").iterdir()} == FILES
    gaussians = written.load()["mug"]()
    assert gaussians.means.shape[0] == 1


def test_a_folder_becomes_folders_and_a_bad_picture_stops_nobody(run, tmp_path):
    for seed, name in enumerate(("a", "b")):
        save_picture(tmp_path / "pictures" / f"{name}.png", seed)
    (tmp_path / "pictures" / "bad.png").write_bytes(b"not a picture")
    written = run(str(tmp_path / "pictures"))
    assert sorted(written.load()) == ["a", "b"]


def test_a_seed_gives_the_same_bytes_and_a_name_its_folder(run, tmp_path):
    picture = save_picture(tmp_path / "mug.png")
    for name in ("first", "again"):
        run(picture, name=name, seed=9)
    for file in FILES:
        first, again = (
            (tmp_path / "generated" / n / file).read_bytes() for n in ("first", "again")
        )
        assert first == again, file


def busy_photograph(path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    Image.fromarray(noise).save(path)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("gone.png", None, r"found nothing .*--params image="),
        ("page.png", b"<!doctype html>", r"page\.png: not a picture"),
        ("cut.png", png(drawing())[:150], r"cut\.png: damaged or cut short"),
        ("busy.png", busy_photograph, r"busy\.png: opaque, and .*cannot be removed offline"),
    ],
)
def test_a_picture_that_cannot_be_used_ends_in_words(run, tmp_path, name, content, message):
    path = tmp_path / name
    if callable(content):
        content(path)
    elif content is not None:
        path.write_bytes(content)
    with pytest.raises(InvalidImage, match=message):
        run(str(path))
    assert not list((tmp_path / "generated").glob("*"))


def test_a_folder_without_pictures_ends_in_words(run, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InvalidImage, match="found none among its 0 entries"):
        run(str(tmp_path / "empty"))


def test_opaque_pictures_can_be_refused(run, tmp_path):
    path = tmp_path / "photo.png"
    picture = np.full((64, 64, 3), 240, np.uint8)
    picture[20:44, 20:44] = 60
    Image.fromarray(picture).save(path)
    with pytest.raises(InvalidImage, match="opaque, where an object with transparent"):
        run(str(path), remove_background=False)
    assert list(run(str(path)).load()) == ["photo"]


@pytest.mark.parametrize("environment", ["base", "smoke", "paper"])
def test_every_environments_parameters_build(project, environment):
    merged: dict = {}
    for folder in dict.fromkeys(("base", environment)):
        numbers = yaml.safe_load((project / f"conf/{folder}/parameters_generate.yml").read_text())
        for key, value in numbers["generate"].items():
            both = isinstance(value, dict) and isinstance(merged.get(key), dict)
            merged[key] = merged[key] | value if both else value
    assert GenerateConfig(**merged).seed == 0


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"framing": {"border": 0.1}}, r"GenerateConfig\.framing\.border .*border_ratio"),
        ({"pictures": {"frames": 0}}, r"GenerateConfig\.pictures\.frames"),
        ({"pictures": {"frame_ms": 5}}, r"GenerateConfig\.pictures\.frame_ms"),
        ({"seed": -1}, r"GenerateConfig\.seed"),
        ({"variants": 0}, r"GenerateConfig\.variants"),
        ({"background": 2}, r"GenerateConfig\.background"),
        ({"name": "../up"}, r"GenerateConfig\.name"),
    ],
)
def test_a_wrong_parameter_names_itself(wrong, message):
    with pytest.raises(ValueError, match=message):
        GenerateConfig(**wrong)


def test_an_unknown_parameter_names_itself():
    with pytest.raises(ValueError, match="sede is not a known key"):
        GenerateConfig(sede=1)
