"""A folder of files that nodes read, or write, themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kedro.io import AbstractDataset, DatasetError


class FolderDataset(AbstractDataset[Path, Path]):
    """A folder by its path: pictures, meshes, anything that outgrows memory.

    Loading gives the path. Saving takes the path of the folder that the node has written, which
    must be this one: a node that writes gets the place from a second catalog entry of the same
    `filepath` with `create: true` (`..._destination`).
    """

    def __init__(
        self,
        *,
        filepath: str,
        key: str,
        what: str = "files",
        create: bool = False,
        optional: bool = False,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Take the folder; `key` (its catalog entry) and `what` it holds are for messages.

        `create` makes an empty folder when a missing one is loaded; `optional` gives its path all
        the same, to a node that can do without.
        """
        self._filepath = Path(filepath)
        self._key = key
        self._what = what
        self._create = create
        self._optional = optional
        self.may_be_missing = create or optional  # read by the check before a run
        self.metadata = metadata

    def load(self) -> Path:
        """The folder's path.

        Raises:
            DatasetError: there is no such folder.
        """
        if self._create and not self._filepath.exists():
            self._filepath.mkdir(parents=True, exist_ok=True)
        if not self._filepath.is_dir() and not (self._optional and not self._filepath.exists()):
            found = "a file" if self._filepath.exists() else "nothing"
            raise DatasetError(
                f"catalog entry {self._key}: expected a folder of {self._what} at "
                f"{self._filepath}, found {found}. Fetch it with `dvc pull`, run the pipeline that "
                f"makes it, or give {self._key} another filepath in the catalog."
            )
        return self._filepath

    def save(self, data: Path) -> None:
        """Check that the node has written this very folder.

        Raises:
            DatasetError: the node wrote elsewhere, or nothing.
        """
        if Path(data).resolve() != self._filepath.resolve() or not self._filepath.is_dir():
            raise DatasetError(
                f"catalog entry {self._key}: expected the node to write {self._what} to "
                f"{self._filepath}, it wrote to {data}. Give the node the catalog's folder."
            )

    def _exists(self) -> bool:
        return self._filepath.is_dir()

    def _describe(self) -> dict[str, str]:
        return {"filepath": str(self._filepath), "what": self._what}


class FileDataset(AbstractDataset[Path, Path]):
    """A file by its path, that another entry of the same `filepath` writes during the run."""

    may_be_missing = True  # when the run starts

    def __init__(self, *, filepath: str, key: str) -> None:
        """Take the file; `key` (its catalog entry) is for messages."""
        self._filepath = Path(filepath)
        self._key = key

    def load(self) -> Path:
        """The file's path.

        Raises:
            DatasetError: there is no such file.
        """
        if not self._filepath.is_file():
            raise DatasetError(
                f"catalog entry {self._key}: expected a file at {self._filepath}, found none. "
                "Fetch it with `dvc pull`, or run the pipeline that makes it."
            )
        return self._filepath

    def save(self, data: Path) -> None:
        """Refuse: the other entry writes it."""
        raise DatasetError(f"catalog entry {self._key}: only read, got {data} to write")

    def _exists(self) -> bool:
        return self._filepath.is_file()

    def _describe(self) -> dict[str, str]:
        return {"filepath": str(self._filepath)}
