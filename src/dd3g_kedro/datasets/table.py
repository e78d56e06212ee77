"""A table in one Parquet file, written whole or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from kedro.io import AbstractDataset

from dd3g_kedro.core.files import written_whole

if TYPE_CHECKING:
    import pandas as pd


class TableDataset(AbstractDataset["pd.DataFrame", "pd.DataFrame"]):
    """`pandas.ParquetDataset`, but a full disk leaves the former table and not an empty file."""

    def __init__(self, *, filepath: str) -> None:
        self._filepath = Path(filepath)

    def load(self) -> pd.DataFrame:
        """Read it."""
        import pandas as pd

        return pd.read_parquet(self._filepath)

    def save(self, data: pd.DataFrame) -> None:
        """Write it.

        Raises:
            OSError: the disk is full or not writable.
        """
        with written_whole(self._filepath) as temporary:
            data.to_parquet(temporary)

    def _exists(self) -> bool:
        return self._filepath.is_file()

    def _describe(self) -> dict[str, str]:
        return {"filepath": str(self._filepath)}
