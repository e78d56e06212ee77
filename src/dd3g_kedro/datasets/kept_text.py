"""Files that a run may leave as they are."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pandas as pd
from kedro.io import AbstractDataset
from kedro_datasets.pandas import CSVDataset

from dd3g_kedro.core.files import written_whole


class KeptTextDataset(AbstractDataset[str, "str | None"]):
    """A text in UTF-8. Saving an empty one leaves the file as it is; a missing one is None."""

    may_be_missing = True  # read by the check before a run

    def __init__(
        self, *, filepath: str, optional: bool = True, metadata: dict[str, Any] | None = None
    ) -> None:
        """Take the file; `optional` stands in the catalog for the readers of the catalog."""
        self._filepath = Path(filepath)
        self.may_be_missing = optional
        self.metadata = metadata

    def load(self) -> str | None:
        """The text; None where there is no file."""
        return self._filepath.read_text("utf-8") if self._exists() else None

    def save(self, data: str) -> None:
        """Write it whole or not at all."""
        if not data:
            return
        with written_whole(self._filepath) as partial:
            partial.write_text(data, encoding="utf-8")

    def _exists(self) -> bool:
        return self._filepath.is_file()

    def _describe(self) -> dict[str, str]:
        return {"filepath": str(self._filepath)}


class KeptVersionsDataset(AbstractDataset[str, list[str]]):
    """A text in UTF-8 of which every version is kept; saving an empty one changes nothing.

    The newest is under the file's name, each also under that name with 12 digits of its SHA-256.
    """

    may_be_missing = True  # read by the check before a run

    def __init__(
        self, *, filepath: str, optional: bool = True, metadata: dict[str, Any] | None = None
    ) -> None:
        """Take the file; `optional` stands in the catalog for the readers of the catalog."""
        self._filepath = Path(filepath)
        self.may_be_missing = optional
        self.metadata = metadata

    def load(self) -> list[str]:
        """Every version once, the newest first; none where there is no file."""
        beside = self._filepath.parent.glob(f"{self._filepath.stem}_*{self._filepath.suffix}")
        newest = [self._filepath] if self._exists() else []
        texts = (path.read_text("utf-8") for path in (*newest, *sorted(beside)))
        return list(dict.fromkeys(texts))

    def save(self, data: str) -> None:
        """Write it whole or not at all, and what it replaces first under its own name."""
        if not data:
            return
        replaced = [self._filepath.read_text("utf-8")] if self._exists() else []
        for text in (*replaced, data):
            digest = hashlib.sha256(text.encode()).hexdigest()[:12]
            self._write(self._filepath.with_stem(f"{self._filepath.stem}_{digest}"), text)
        self._write(self._filepath, data)

    def _write(self, path: Path, text: str) -> None:
        with written_whole(path) as partial:
            partial.write_text(text, encoding="utf-8")

    def _exists(self) -> bool:
        return self._filepath.is_file()

    def _describe(self) -> dict[str, str]:
        return {"filepath": str(self._filepath)}


class KeptTableDataset(CSVDataset):
    """A CSV table; saving an empty one leaves a file that is there as it is."""

    def save(self, data: pd.DataFrame) -> None:
        """Write the table; an empty one only where there is no file."""
        if len(data) or not self._exists():
            super().save(data)
