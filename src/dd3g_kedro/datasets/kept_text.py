"""A text file that a run may leave as it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kedro.io import AbstractDataset

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
