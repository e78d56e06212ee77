"""The procedural objects as files, and folders of anyone's meshes."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from dd3g_kedro.core.errors import InvalidMesh
from dd3g_kedro.core.files import written_whole
from dd3g_kedro.core.progress import track
from dd3g_kedro.objects.config import ProceduralObjects
from dd3g_kedro.objects.loading import SUFFIXES, load_mesh
from dd3g_kedro.objects.toys.families import AUTHOR, FAMILIES, LICENCE, SOURCE, glb_bytes

CATALOG_FILE = "catalog.csv"
_HELD_OUT_FROM = 1000  # numbers of the benchmark's objects, which training never uses


@dataclass(frozen=True, kw_only=True)
class CatalogRow:
    """One line of `catalog.csv` beside meshes; what is not known is empty."""

    id: str  # path of the file without its suffix, relative to the folder
    source: str = ""
    name: str = ""
    category: str = ""
    licence: str = ""
    author: str = ""
    repository: str = ""
    faces: str = ""
    bytes: str = ""
    split: str = ""


COLUMNS = tuple(f.name for f in fields(CatalogRow))


def planned_objects(
    config: ProceduralObjects,
) -> tuple[list[tuple[str, int]], list[tuple[str, int]]]:
    """(family, number) of the objects to learn from, and of the benchmark's.

    Raises:
        ValueError: a family that does not exist.
    """
    families = config.families or tuple(FAMILIES)
    for name in (*families, *config.held_out):
        if name not in FAMILIES:
            raise ValueError(
                f"collect.objects: {name!r} is no family; known: {', '.join(FAMILIES)}"
            )
    shown = [name for name in families if name not in config.held_out]
    train = [(shown[k % len(shown)], k // len(shown)) for k in range(config.count)]
    rest = max(config.benchmark_count - len(config.held_out), 0)
    held_out = [(name, _HELD_OUT_FROM) for name in config.held_out]
    sections = min(rest, len(shown))
    for k in range(rest):  # the last family of each of equal sections
        section, lap = k % sections, k // sections
        family = shown[(section + 1) * len(shown) // sections - 1]
        held_out.append((family, _HELD_OUT_FROM + lap))
    return train, held_out[: config.benchmark_count]


def _write_if_changed(path: Path, content: bytes) -> None:
    if path.is_file() and path.read_bytes() == content:
        return
    with written_whole(path) as temporary:
        temporary.write_bytes(content)


def write_objects(plan: Sequence[tuple[str, int]], folder: Path, split: str) -> Path:
    """A GLB file an object, and `catalog.csv`; objects of an earlier plan are removed."""
    before = {row.id for row in read_catalog(folder).values() if row.source == SOURCE}
    rows = []
    for family, index in track(plan, len(plan), "Making objects", "objects"):
        name = f"{family}_{index:04d}"
        content = glb_bytes(family, index)
        path = folder / f"{name}.glb"
        _write_if_changed(path, content)
        rows.append(
            CatalogRow(
                id=name,
                source=SOURCE,
                name=family.replace("_", " "),
                category=FAMILIES[family].__module__.rpartition(".")[2],
                licence=LICENCE,
                author=AUTHOR,
                faces=str(len(load_mesh(path))),
                bytes=str(len(content)),
                split=split,
            )
        )
    write_table(folder / CATALOG_FILE, COLUMNS, [asdict(row) for row in rows])
    for gone in before - {row.id for row in rows}:
        (folder / f"{gone}.glb").unlink(missing_ok=True)
    return folder


def write_table(path: Path, columns: Sequence[str], rows: Sequence[dict[str, str]]) -> None:
    """A CSV file, whole or not at all."""
    with (
        written_whole(path) as temporary,
        temporary.open("w", newline="", encoding="utf-8") as stream,
    ):
        writer = csv.DictWriter(stream, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def read_catalog(folder: Path) -> dict[str, CatalogRow]:
    """What `catalog.csv` says of the folder's meshes, by id; nothing if there is none.

    Raises:
        InvalidMesh: it is no table with a column `id`.
    """
    path = folder / CATALOG_FILE
    if not path.is_file():
        return {}
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            lines = csv.DictReader(stream)
            if "id" not in (lines.fieldnames or ()):
                raise InvalidMesh(
                    f"{path}: expected the columns {','.join(COLUMNS)}, found "
                    f"{','.join(lines.fieldnames or ()) or 'nothing'}; correct it or take it away"
                )
            rows = [
                CatalogRow(**{c: (line.get(c) or "").strip() for c in COLUMNS}) for line in lines
            ]
    except (UnicodeDecodeError, csv.Error) as error:
        raise InvalidMesh(f"{path}: expected a table in UTF-8 ({error}); save it again") from error
    return {row.id: row for row in rows}


def find_meshes(folder: Path) -> dict[str, Path]:
    """Every mesh of the folder and its subfolders by id, sorted.

    Raises:
        InvalidMesh: there are none.
    """
    found = {
        path.relative_to(folder).with_suffix("").as_posix(): path
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in SUFFIXES and not path.name.startswith(".")
    }
    if not found:
        raise InvalidMesh(
            f"{folder}: expected a folder with meshes ({', '.join(SUFFIXES)}), found "
            f"{'none in it' if folder.is_dir() else 'no such folder'}"
        )
    return found


def meshes_of_split(folder: Path, split: str | None, key: str) -> dict[str, Path]:
    """The meshes that `catalog.csv` counts to a split, by id; all for None.

    Raises:
        InvalidMesh: there are no meshes, or none of that split; `key` is the parameter to correct.
    """
    found = find_meshes(folder)
    if split is None:
        return found
    catalog = read_catalog(folder)
    wanted = {n: p for n, p in found.items() if n in catalog and catalog[n].split == split}
    if not wanted:
        known = sorted({catalog[n].split for n in found if n in catalog}) or "none"
        raise InvalidMesh(
            f"{folder}: none of its {len(found)} meshes has the split {split!r} in "
            f"{CATALOG_FILE}, which knows for them: {known}; correct {key} or leave it out"
        )
    return wanted
