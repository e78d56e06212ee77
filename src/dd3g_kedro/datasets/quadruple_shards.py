"""A folder of quadruple shards."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from kedro.io import AbstractDataset, DatasetError

from dd3g_kedro.core.kept import MANIFEST

if TYPE_CHECKING:
    from dd3g_kedro.core.quadruples.shards import QuadrupleShards


class QuadrupleShardsDataset(AbstractDataset[Path, "QuadrupleShards"]):
    """{N, C, II, OI} in Parquet shards: a lazy handle to load, written in place by its node."""

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        """Take the folder."""
        self._filepath = Path(filepath)
        self.metadata = metadata

    def load(self) -> QuadrupleShards:
        """A handle on a complete collection; shards' bytes are compared with the manifest."""
        from dd3g_kedro.core.quadruples.shards import QuadrupleShards

        return QuadrupleShards(self._filepath).require()

    def save(self, data: Path) -> None:
        """Check that the node has written this very folder."""
        if Path(data).resolve() != self._filepath.resolve():
            raise DatasetError(
                f"quadruples: expected the node to write to {self._filepath}, it wrote to {data}. "
                "Give the node the catalog's folder."
            )

    def _exists(self) -> bool:
        return (self._filepath / MANIFEST).is_file()

    def _describe(self) -> dict[str, str]:
        return {"filepath": str(self._filepath)}
