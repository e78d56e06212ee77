"""What is typed wrongly, or where it cannot work, is told in a sentence."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("image=a, b/photo.png", "Commas separate items here"),
        ("image=phot\udcc3\udcb6.png", "unacceptable character"),  # not UTF-8 under LC_ALL=C
        ("image", "must contain a key and a value"),
    ],
)
def test_parameters_that_cannot_be_read(kedro_here, typed, told):
    said = kedro_here("run", "--pipelines=generate", "--params", typed)
    assert said.code != 0
    assert told in said.words
    assert "Traceback" not in said.words


@pytest.mark.parametrize("command", [("run", "--pipelines=report"), ("serve", "--port", "5099")])
def test_a_folder_that_cannot_be_written(kedro, scratch, command):
    """A folder stands where the lock of MLflow's store has to be: as root, rights stop nobody."""
    (scratch / "mlflow.db.lock").mkdir()
    try:
        said = kedro(*command)
    finally:
        (scratch / "mlflow.db.lock").rmdir()
    assert said.returncode == 1
    assert "mlflow.db.lock" in said.stderr
    assert "Traceback" not in said.stderr
