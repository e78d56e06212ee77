"""A person's decisions on pictures, edited by hand."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from kedro.io import AbstractDataset, DatasetError

if TYPE_CHECKING:
    from dd3g_kedro.pictures.decisions import Decision


class ImageDecisionsDataset(AbstractDataset["list[Decision]", "list[Decision]"]):
    """A CSV with the columns image_id, decision (accept or reject), note and by.

    No file is the same as no decisions.
    """

    may_be_missing = True  # read by the check before a run

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._filepath = Path(filepath)
        self.metadata = metadata

    def load(self) -> list[Decision]:
        """The decisions in the file's order."""
        from dd3g_kedro.pictures.decisions import read_decisions

        return read_decisions(self._filepath)

    def save(self, data: list[Decision]) -> NoReturn:  # noqa: ARG002
        """Refuse: only people write this file.

        Raises:
            DatasetError: always.
        """
        raise DatasetError(f"{self._filepath} is written by people, never by a pipeline")

    def _exists(self) -> bool:
        return self._filepath.is_file()

    def _describe(self) -> dict[str, str]:
        return {"filepath": str(self._filepath)}
