"""One object's Gaussians as a file that viewers open."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from kedro.io import AbstractDataset

if TYPE_CHECKING:
    from dd3g_kedro.core.types import Gaussians


class GaussianPLYDataset(AbstractDataset["Gaussians", "Gaussians"]):
    """One object's Gaussians in the 3DGS PLY layout."""

    def __init__(self, *, filepath: str, metadata: dict[str, object] | None = None) -> None:
        self._filepath = Path(filepath)
        self.metadata = metadata

    def load(self) -> Gaussians:
        """Read the file as a batch of one object."""
        from dd3g_kedro.formats.ply import read_ply

        return read_ply(self._filepath)

    def save(self, data: Gaussians) -> None:
        """Write the one object of the batch, whole or not at all."""
        from dd3g_kedro.formats.ply import write_ply

        write_ply(data, self._filepath)

    def _exists(self) -> bool:
        return self._filepath.is_file()

    def _describe(self) -> dict[str, str]:
        return {"filepath": str(self._filepath)}
