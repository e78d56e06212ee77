"""A folder of generated objects, one folder each."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from kedro.io import AbstractDataset

if TYPE_CHECKING:
    from dd3g_kedro.core.types import Gaussians
    from dd3g_kedro.generation.objects import GeneratedObject

_LOG = logging.getLogger(__name__)
_PLY = "object.ply"


class GeneratedObjectsDataset(
    AbstractDataset["dict[str, GeneratedObject]", "dict[str, Callable[[], Gaussians]]"]
):
    """`<name>/object.ply`, `object.splat`, `sheet.png` and `turntable.webp`.

    Saving adds to what is there; an object of the same name is replaced whole.
    """

    def __init__(self, *, filepath: str) -> None:
        self._filepath = Path(filepath)

    def save(self, data: dict[str, GeneratedObject]) -> None:
        """Write the given objects."""
        from dd3g_kedro.generation.objects import write_object

        for name, made in data.items():
            folder = self._filepath / name
            write_object(folder, made)
            files = ", ".join(sorted(path.name for path in folder.iterdir()))
            _LOG.info("generated %s: %s", folder, files)

    def load(self) -> dict[str, Callable[[], Gaussians]]:
        """For each name a function that reads its Gaussians."""
        from dd3g_kedro.formats.ply import read_ply

        return {
            path.parent.name: partial(read_ply, path)
            for path in sorted(self._filepath.glob(f"*/{_PLY}"))
        }

    def _exists(self) -> bool:
        return any(self._filepath.glob(f"*/{_PLY}"))

    def _describe(self) -> dict[str, str]:
        return {"filepath": str(self._filepath)}
