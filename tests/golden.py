"""Golden outputs: a maker's version must rise when what it makes changes.

A file in `tests/goldens` holds a maker (name and version) and numbers that it made of fixed inputs.
To accept new numbers after the version was raised: DD3G_GOLDEN=write pytest ...
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).parent / "goldens"


def check_golden(maker: str, found, atol: float, folder: Path = FOLDER, rtol: float = 0.0) -> None:
    """Compare with the stored numbers of that maker; `atol`, `rtol` allow for other processors.

    Raises:
        AssertionError: the numbers changed and the version did not, or the other way round.
    """
    name, _, version = maker.rpartition(" ")
    path = folder / f"{name.replace(' ', '_')}.json"
    numbers = np.asarray(found, dtype=np.float64).round(6)
    stored = json.loads(path.read_text()) if path.is_file() else None
    if stored is None or (os.environ.get("DD3G_GOLDEN") == "write" and stored["maker"] != maker):
        assert os.environ.get("DD3G_GOLDEN") == "write", f"{path} is missing: write it"
        folder.mkdir(exist_ok=True)
        path.write_text(json.dumps({"maker": maker, "numbers": numbers.tolist()}) + "\n")
        return
    same = np.allclose(numbers, stored["numbers"], rtol=rtol, atol=atol)
    assert stored["maker"] == maker, (
        f"{name} is version {version} now, {path.name} holds {stored['maker']!r}: write it anew, "
        "DD3G_GOLDEN=write"
    )
    assert same, (
        f"{maker} makes other numbers than {path.name} holds: results that were kept are stale. "
        "Raise its version and write the golden anew, or find what changed them"
    )
