"""Which picture files a person means."""

from __future__ import annotations

from pathlib import Path

from dd3g_kedro.core.errors import InvalidImage
from dd3g_kedro.pictures.decoding import SUFFIXES

_HOW = "Give a picture, a folder of pictures or a list of pictures: --params image=photo.png"


def find_pictures(image: object) -> list[Path]:
    """The files that `image` names: a picture, the pictures of a folder by name, or a list.

    Files of a list are not looked at here: a bad one is told when its turn comes.

    Raises:
        InvalidImage: there is no such file or folder, or the folder holds no pictures.
        ValueError: `image` is no path.
    """
    if isinstance(image, list | tuple) and image:
        return [_path(entry) for entry in image]
    path = _path(image)
    if path.is_dir():
        return _pictures_in(path)
    if not path.is_file():
        raise InvalidImage(
            f"image: expected a picture or a folder of pictures at {path}, found nothing (seen "
            f"from {Path.cwd()}). {_HOW}"
        )
    return [path]


def _path(entry: object) -> Path:
    if isinstance(entry, bool) or not isinstance(entry, str | Path | int) or entry == "":
        raise ValueError(f"image: expected a path, got {entry!r}. {_HOW}")
    return Path(str(entry)).expanduser()


def _pictures_in(folder: Path) -> list[Path]:
    found = sorted(
        path
        for path in folder.iterdir()
        if path.suffix.lower() in SUFFIXES and path.is_file() and not path.name.startswith(".")
    )
    if not found:
        raise InvalidImage(
            f"image: expected pictures ({', '.join(SUFFIXES)}) in the folder {folder}, found none "
            f"among its {sum(1 for _ in folder.iterdir())} entries. {_HOW}"
        )
    return found
