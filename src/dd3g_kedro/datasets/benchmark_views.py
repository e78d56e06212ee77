"""Ground-truth views of the benchmark's objects in one Parquet file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from kedro.io import AbstractDataset

from dd3g_kedro.core.files import written_whole

if TYPE_CHECKING:
    import pandas as pd

    from dd3g_kedro.benchmark.truth.stored_views import StoredViews


class BenchmarkViewsDataset(AbstractDataset["pd.DataFrame", "StoredViews"]):
    """Saved as a table, loaded as a handle that reads one object at a time."""

    may_be_missing = True  # an evaluation against a mesh folder does without

    def __init__(self, *, filepath: str) -> None:
        self._filepath = Path(filepath)

    def load(self) -> StoredViews:
        """A handle; the file is opened when it is asked for objects."""
        from dd3g_kedro.benchmark.truth.stored_views import StoredViews

        return StoredViews(self._filepath)

    def save(self, data: pd.DataFrame) -> None:
        """Write it whole or not at all, a few objects to a row group."""
        with written_whole(self._filepath) as temporary:
            data.to_parquet(temporary, index=False, row_group_size=64)

    def _exists(self) -> bool:
        return self._filepath.is_file()

    def _describe(self) -> dict[str, str]:
        return {"filepath": str(self._filepath)}
