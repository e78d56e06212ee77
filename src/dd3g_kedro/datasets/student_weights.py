"""A student in one safetensors file, its configuration inside."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from kedro.io import AbstractDataset

if TYPE_CHECKING:
    from dd3g_kedro.core.student.weights import Student

_LOG = logging.getLogger(__name__)


class StudentWeightsDataset(AbstractDataset["Student", "Student | None"]):
    """The student's weights: float16 unless `half` is false; loaded as float32.

    `until_made`, seen from `filepath`'s folder, is read as long as there is no file at
    `filepath`.
    """

    def __init__(
        self,
        *,
        filepath: str,
        half: bool = True,
        optional: bool = False,
        until_made: str | None = None,
    ) -> None:
        self._filepath = Path(filepath)
        self._until_made = self._filepath.parent / until_made if until_made else None
        self._half = half
        self.may_be_missing = optional

    def load(self) -> Student | None:
        """Read it; None where it is `optional` and missing.

        Raises:
            MissingWeights: there is no such file.
            InvalidWeights: it cannot be used; the message says why.
        """
        if self.may_be_missing and not self._exists():
            return None
        from dd3g_kedro.core.student.weights import load_student

        return load_student(self._present())

    def save(self, data: Student) -> None:
        """Write it whole or not at all."""
        from dd3g_kedro.core.student.weights import save_student

        save_student(self._filepath, data, half=self._half)

    def _present(self) -> Path:
        """The file, or the one that stands in for it."""
        if self._until_made is None or self._filepath.exists() or not self._until_made.exists():
            return self._filepath
        _LOG.info("There is no %s yet; %s is used", self._filepath.name, self._until_made)
        return self._until_made

    def _exists(self) -> bool:
        return any(
            path is not None and path.exists() for path in (self._filepath, self._until_made)
        )

    def _describe(self) -> dict[str, object]:
        return {"filepath": str(self._filepath), "half": self._half}
