"""What no longer belongs to anything is listed with its size, and removed on demand only."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from dd3g_kedro.cli import cli
from dd3g_kedro.leftovers import find_leftovers

LEFT = {
    "05_model_input/kept/quadruples/0123456789abcdef": 30,
    "05_model_input/kept/quadruples/unknown": 10,
    "02_intermediate/kept/training_views": 20,
    "06_models/checkpoints/student/old.pt": 7,
    "02_intermediate/image_inspections/other.jsonl": 5,
    "06_models/.student.safetensors.77.partial": 3,
}
FILES = {  # size, age in seconds
    "05_model_input/kept/quadruples/0123456789abcdef/a.parquet": (10, 0),
    "05_model_input/kept/quadruples/0123456789abcdef/b.parquet": (20, 0),
    "05_model_input/kept/quadruples/unknown/c.parquet": (10, 0),
    "05_model_input/quadruples/00000.parquet": (40, 0),
    "02_intermediate/kept/training_views/a.npz": (20, 0),
    "02_intermediate/training_views/b.npz": (20, 0),
    "06_models/checkpoints/student/old.pt": (7, 90),
    "06_models/checkpoints/student/new.pt": (8, 10),
    "06_models/checkpoints/teacher/alone.pt": (9, 90),
    "02_intermediate/image_inspections/other.jsonl": (5, 90),
    "02_intermediate/image_inspections/last.jsonl": (5, 10),
    "06_models/.student.safetensors.77.partial": (3, 10**6),
    "06_models/.student.safetensors.78.partial": (3, 60),
    "06_models/student.safetensors": (100, 10**6),
}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for name, (size, age) in FILES.items():
        path = tmp_path / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * size)
        time = path.stat().st_mtime - age
        os.utime(path, (time, time))
    return tmp_path / "data"


def held(data: Path) -> set[str]:
    return {path.relative_to(data).as_posix() for path in data.rglob("*") if path.is_file()}


def test_only_what_belongs_to_nothing_is_listed(data):
    found = {each.path.relative_to(data).as_posix(): each.size for each in find_leftovers(data)}
    assert found == LEFT


def test_listing_removes_nothing_and_the_flag_removes_what_was_listed(data):
    listed = CliRunner().invoke(cli, ["leftovers", "--data", str(data)])
    assert listed.exit_code == 0, listed.output
    assert all(name in listed.output for name in LEFT)
    assert "75 B  in 6 files and folders" in listed.output
    assert held(data) == set(FILES)
    assert CliRunner().invoke(cli, ["leftovers", "--data", str(data), "--remove"]).exit_code == 0
    assert held(data) == {n for n in FILES if not any(n.startswith(left) for left in LEFT)}
    assert not list(data.rglob("kept"))
    assert (
        "nothing is left over" in CliRunner().invoke(cli, ["leftovers", "--data", str(data)]).output
    )
