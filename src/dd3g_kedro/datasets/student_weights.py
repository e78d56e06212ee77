"""A student in one safetensors file, its configuration inside."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from kedro.io import AbstractDataset

if TYPE_CHECKING:
    from dd3g_kedro.core.student.weights import Student


class StudentWeightsDataset(AbstractDataset["Student", "Student | None"]):
    """The student's weights: float16 unless `half` is false; loaded as float32."""

    def __init__(self, *, filepath: str, half: bool = True, optional: bool = False) -> None:
        self._filepath = Path(filepath)
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

        return load_student(self._filepath)

    def save(self, data: Student) -> None:
        """Write it whole or not at all."""
        from dd3g_kedro.core.student.weights import save_student

        save_student(self._filepath, data, half=self._half)

    def _exists(self) -> bool:
        return self._filepath.exists()

    def _describe(self) -> dict[str, object]:
        return {"filepath": str(self._filepath), "half": self._half}
