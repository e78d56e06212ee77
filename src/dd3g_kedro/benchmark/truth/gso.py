"""Google Scanned Objects in their Gazebo Fuel layout, from folders or zips.

An object `NAME` is `NAME/meshes/model.obj` with its texture beside it or in
`NAME/materials/textures`, or the same in `NAME.zip`, with or without a folder around it.
"""

from __future__ import annotations

import lzma
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path, PurePosixPath

from dd3g_kedro.benchmark.truth.mesh_views import drawn_object
from dd3g_kedro.benchmark.truth.views import BenchmarkObject, ObjectHandle
from dd3g_kedro.core.errors import InvalidMesh
from dd3g_kedro.objects.config import BenchmarkViews, Drawing
from dd3g_kedro.objects.loading import load_mesh

_MODEL = ("meshes", "model.obj")
_NEEDED = (("meshes",), ("materials", "textures"))  # folders; collision shapes lie there too
_MAX_MEGABYTES = 1000  # unpacked; the largest scans have about 50
_MAX_FILES = 1000
_AGAIN = "Download it again."


def gso_objects(
    folder: Path, names: Sequence[str] | None, drawing: Drawing, views: BenchmarkViews
) -> list[ObjectHandle]:
    """The named objects in the list's order, or all of the folder by name, drawn when loaded.

    Ours: a scan's front is its -y side. So most figures, vehicles and packages stand; the data set
    promises nothing, and SyncDreamer turned some of its thirty by hand. A name that is not there
    becomes a handle whose `load` raises.

    Raises:
        InvalidMesh: there is no such folder, or no scan in it.
    """
    found = _scans(folder)
    if not found:
        state = "none in it" if folder.is_dir() else "no such folder"
        raise InvalidMesh(
            f"{folder}: expected Google Scanned Objects (NAME/{'/'.join(_MODEL)} or NAME.zip), "
            f"found {state}; name the folder into which the scans were downloaded"
        )
    wanted = sorted(found) if names is None else names
    return [
        ObjectHandle(name, partial(_load, folder, name, found.get(name), drawing, views))
        for name in wanted
    ]


def _scans(folder: Path) -> dict[str, Path]:
    """Folders and zips by the object's name; a folder is preferred to the zip it came from."""
    zips = {path.stem: path for path in folder.glob("*.zip") if path.is_file()}
    models = {path.parents[1].name: path.parents[1] for path in folder.glob("*/meshes/model.obj")}
    return zips | models


def _load(
    folder: Path, name: str, place: Path | None, drawing: Drawing, views: BenchmarkViews
) -> BenchmarkObject:
    if place is None:
        raise InvalidMesh(
            f"{folder}: expected {name}/{'/'.join(_MODEL)} or {name}.zip, found neither; "
            "download the object, or take its name off the list"
        )
    if place.is_dir():
        return drawn_object(load_mesh(place.joinpath(*_MODEL), up="z"), drawing, views)
    with _unpacked(place) as model:
        try:
            mesh = load_mesh(model, up="z")
        except InvalidMesh as error:  # the message names a file that is gone when it is read
            told = str(error).replace(str(model.parents[1]), str(place))
            raise InvalidMesh(told) from error
    return drawn_object(mesh, drawing, views)


@contextmanager
def _unpacked(archive: Path) -> Iterator[Path]:
    """Where the zip's model lies while the block runs."""
    with tempfile.TemporaryDirectory(prefix="gso-") as temporary:
        try:
            with zipfile.ZipFile(archive) as opened:
                members = _members(archive, opened)
                for inner, member in members.items():
                    target = Path(temporary, *inner)
                    target.parent.mkdir(parents=True, exist_ok=True)
                    with opened.open(member) as source, target.open("wb") as sink:
                        shutil.copyfileobj(source, sink)
        except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, ValueError) as error:
            raise InvalidMesh(f"{archive}: damaged or no zip ({error}). {_AGAIN}") from error
        except RuntimeError as error:  # so zipfile calls these two
            raise InvalidMesh(
                f"{archive}: encrypted or of an unknown compression ({error}). {_AGAIN}"
            ) from error
        yield Path(temporary, *_MODEL)


def _members(archive: Path, opened: zipfile.ZipFile) -> dict[tuple[str, ...], zipfile.ZipInfo]:
    """The files that drawing needs, by their path within the object."""
    files = [info for info in opened.infolist() if not info.is_dir()]
    paths = {PurePosixPath(info.filename.replace("\\", "/")): info for info in files}
    for path in paths:
        if path.is_absolute() or ".." in path.parts:
            raise InvalidMesh(
                f"{archive}: holds {str(path)!r}, which points out of the zip; do not use it"
            )
    tops = [path.parts[:-2] for path in paths if path.parts[-2:] == _MODEL]
    if len(tops) != 1:
        raise InvalidMesh(
            f"{archive}: expected one {'/'.join(_MODEL)} in the zip, found {len(tops)}. {_AGAIN}"
        )
    depth = len(tops[0])
    needed = {
        path.parts[depth:]: info
        for path, info in paths.items()
        if path.parts[:depth] == tops[0] and any(path.parts[depth:-1] == place for place in _NEEDED)
    }
    size = sum(info.file_size for info in needed.values()) / 1e6  # more is never unpacked
    if size > _MAX_MEGABYTES or len(needed) > _MAX_FILES:
        raise InvalidMesh(
            f"{archive}: gigantic, {size:,.0f} MB in {len(needed)} files where at most "
            f"{_MAX_MEGABYTES} MB in {_MAX_FILES} files are unpacked. {_AGAIN}"
        )
    return needed
