"""A teacher's folder."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from kedro.io import AbstractDataset, DatasetError

if TYPE_CHECKING:
    from dd3g_kedro.core.teacher.teacher import Teacher


class TeacherDataset(AbstractDataset["Teacher", "Teacher | None"]):
    """U_base as a folder in diffusers' layout, safetensors only."""

    def __init__(
        self,
        *,
        filepath: str,
        optional: bool = False,
        half: bool = True,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Take the folder; where it is `optional` and missing, None is loaded."""
        self._half = half
        self._filepath = Path(filepath)
        self.may_be_missing = optional
        self.metadata = metadata

    def load(self) -> Teacher | None:
        """Read it onto the CPU in float32."""
        if self.may_be_missing and not self._exists():
            return None
        return _read(self._filepath)

    def save(self, data: Teacher) -> None:
        """Write it, as float16 unless `half` is false; whole or not at all."""
        import torch

        from dd3g_kedro.core.teacher.storage import save_teacher

        save_teacher(data, self._filepath, torch.float16 if self._half else torch.float32)

    def _exists(self) -> bool:
        return (self._filepath / "teacher.json").is_file()

    def _describe(self) -> dict[str, str]:
        return {"filepath": str(self._filepath)}


class TeacherOnDemandDataset(AbstractDataset["Teacher", "Callable[[], Teacher]"]):
    """A teacher's folder that nobody reads before the node asks for it."""

    def __init__(
        self, *, filepath: str, optional: bool = True, metadata: dict[str, Any] | None = None
    ) -> None:
        """Take the folder; `optional` stands in the catalog for the readers of the catalog."""
        self._filepath = Path(filepath)
        self.may_be_missing = optional
        self.metadata = metadata

    def load(self) -> Callable[[], Teacher]:
        """What reads it onto the CPU in float32, when called."""
        return partial(_read, self._filepath)

    def save(self, data: Teacher) -> NoReturn:  # noqa: ARG002
        """Refuse: `TeacherDataset` writes it.

        Raises:
            DatasetError: always.
        """
        raise DatasetError(f"{self._filepath}: this catalog entry only reads")

    def _exists(self) -> bool:
        return (self._filepath / "teacher.json").is_file()

    def _describe(self) -> dict[str, str]:
        return {"filepath": str(self._filepath)}


def _read(folder: Path) -> Teacher:
    from dd3g_kedro.core.teacher.storage import load_teacher

    return load_teacher(folder)


class AutoencoderDataset(AbstractDataset[Any, Any]):
    """A diffusers `AutoencoderKL` folder, float32."""

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        """Take the folder."""
        self._filepath = Path(filepath)
        self.metadata = metadata

    def load(self) -> Any:
        """Read it onto the CPU."""
        from dd3g_kedro.core.teacher.storage import load_autoencoder

        return load_autoencoder(self._filepath)

    def save(self, data: Any) -> None:
        """Write it, whole or not at all."""
        from dd3g_kedro.core.files import written_whole

        with written_whole(self._filepath) as temporary:
            data.save_pretrained(temporary, safe_serialization=True)

    def _exists(self) -> bool:
        return (self._filepath / "config.json").is_file()

    def _describe(self) -> dict[str, str]:
        return {"filepath": str(self._filepath)}
