"""A folder of pictures to table and page: `pytest -n 0 benchmarks/bench_validate.py`.

Wanted: 10,000 pictures of 256 pixels under 10 minutes on two cores, in memory that does not grow
with their count. 500 are measured and extrapolated; comparing all pairs, which grows with the
square, is measured at the full 10,000, and so is the judging. Memory is that of a process of its
own and its workers, at 200 and at 1,600 pictures.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.known_pictures import disc, save

from dd3g_kedro.pictures.config import ImageCriteria, ValidateConfig
from dd3g_kedro.pictures.similarity import nearest_neighbours

COUNT, FULL = 500, 10_000
_MEASURED = """
import json, resource, sys
from pathlib import Path
from dd3g_kedro.pictures.config import InspectionConfig
from dd3g_kedro.pictures.folder_inspection import inspect_folder
if __name__ == "__main__":
    inspect_folder(Path(sys.argv[1]), Path(sys.argv[2]), InspectionConfig(workers=2))
    both = resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN
    print(json.dumps([resource.getrusage(who).ru_maxrss / 1024 for who in both]))
"""


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Different textures and noise, so that files are as large as those of photographs."""
    folder = tmp_path_factory.mktemp("pictures")
    for seed in range(COUNT):
        pixels = disc(256, seed=seed)
        noise = np.random.default_rng(seed).integers(-12, 13, (*pixels.shape[:2], 3))
        pixels[..., :3] = np.clip(pixels[..., :3].astype(int) + noise, 0, 255)
        save(pixels, folder / f"{seed:04d}.png")
    return folder


def test_500_pictures_to_table_and_page(benchmark, pictures: Path, tmp_path: Path):
    from dd3g_kedro.pipelines.validate.nodes import draw_contact_sheet, inspect_images, judge_images

    seconds: dict[str, float] = {}

    def validate() -> None:
        config = ValidateConfig()
        work = tmp_path / f"work{time.monotonic_ns()}"
        begun = time.monotonic()
        measures = inspect_images(pictures, work, config)
        seconds["inspect"] = time.monotonic() - begun
        table = judge_images(measures, pictures, [], config)
        draw_contact_sheet(table, pictures, work, tmp_path / "sheet", config)

    benchmark.pedantic(validate, rounds=3)
    extrapolated = benchmark.stats.stats.min * FULL / COUNT
    benchmark.extra_info |= {"seconds for 10,000": extrapolated, **seconds}
    assert extrapolated < 600


def test_all_pairs_of_10_000(benchmark):
    hashes = np.random.default_rng(0).integers(0, 1 << 63, FULL, dtype=np.uint64)
    benchmark.pedantic(nearest_neighbours, (hashes,), rounds=3)
    assert benchmark.stats.stats.min < 10


def test_judging_10_000_rows(benchmark, pictures: Path, tmp_path: Path):
    from dd3g_kedro.expectations.judging import judge_images
    from dd3g_kedro.pipelines.validate.nodes import inspect_images

    few = inspect_images(pictures, tmp_path, ValidateConfig())
    measures = pd.concat([few] * (FULL // COUNT), ignore_index=True)
    measures["file"] = [f"{index}.png" for index in range(FULL)]
    random = np.random.default_rng(0).integers(0, 1 << 63, (2, FULL), dtype=np.uint64)
    measures["image_id"], measures["phash"] = ([f"{v:016x}" for v in row] for row in random)
    benchmark.pedantic(judge_images, (measures, {}, [], ImageCriteria()), rounds=1)
    assert benchmark.stats.stats.min < 30


def test_memory_does_not_grow_with_the_count(pictures: Path, tmp_path: Path):
    script = tmp_path / "measured.py"
    script.write_text(_MEASURED)
    files = sorted(pictures.iterdir())
    peaks = {}
    for count in (200, 1600):
        folder = tmp_path / str(count)
        folder.mkdir()
        for index in range(count):
            (folder / f"{index}.png").symlink_to(files[index % len(files)])
        command = [sys.executable, script, folder, tmp_path / f"work{count}"]
        told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        peaks[count] = np.array(json.loads(told))
    growth = peaks[1600] - peaks[200]
    assert (growth < 16).all(), peaks
