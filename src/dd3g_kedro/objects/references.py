"""A mesh and every file that it names, as one fingerprint."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

_PICTURES = ("map_", "bump", "disp", "decal", "refl", "norm")  # lines of a .mtl that name a file


def beside(mesh: Path, name: str) -> Path | None:
    """A file that a mesh names, within its folder, or as Google Scanned Objects lay textures out.

    Where trimesh looks, and then in `../materials/textures`.
    """
    parent, cleaned = mesh.parent.resolve(), name.strip().replace("\\", "/")
    own = [parent / cleaned.lstrip("/"), parent / Path(cleaned).name]
    inside = [place for place in own if place.resolve().is_relative_to(parent)]
    textures = parent.parent / "materials" / "textures" / Path(cleaned).name
    return next((place for place in (*inside, textures) if place.is_file()), None)


def files_of_mesh(mesh: Path) -> list[Path]:
    """The mesh's own file, then those that it names and that are there, in that order.

    Of a `.mtl` every file counts, whether a loader looks at it or not.

    Raises:
        OSError: the mesh cannot be read.
    """
    content = mesh.read_bytes()
    named: dict[Path, None] = {}
    for name in _names(mesh, content):
        if (path := beside(mesh, name)) is None:
            continue
        named[path] = None
        if path.suffix.lower() == ".mtl":
            pictures = (beside(mesh, name) for name in _pictures_of(path.read_text("latin-1")))
            named |= dict.fromkeys(picture for picture in pictures if picture)
    return [mesh, *named]


def mesh_fingerprint(mesh: Path) -> str:
    """SHA-256 over the bytes of `files_of_mesh`; the files' names do not count.

    Raises:
        OSError: one cannot be read.
    """
    digest = hashlib.sha256()
    for path in files_of_mesh(mesh):
        with path.open("rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()


def _names(mesh: Path, content: bytes) -> Iterator[str]:
    suffix = mesh.suffix.lower()
    if suffix == ".obj":
        for line in re.findall(rb"^\s*mtllib[ \t]+(.+?)\s*$", content, re.MULTILINE):
            yield from _either(line.decode("latin-1"))
        return
    if suffix == ".glb":
        length = int.from_bytes(content[12:16], "little")
        content = content[20 : 20 + length]
    try:
        document = json.loads(content)
        entries = [*document.get("buffers", ()), *document.get("images", ())]
        uris = [str(entry.get("uri", "data:")) for entry in entries]
    except (ValueError, AttributeError, TypeError):
        return  # the loader says what is wrong with it
    yield from (unquote(uri) for uri in uris if not uri.startswith("data:"))


def _pictures_of(material: str) -> Iterator[str]:
    for line in material.splitlines():
        words = line.split(maxsplit=1)
        if len(words) == 2 and words[0].lower().startswith(_PICTURES):
            yield from _either(words[1])


def _either(told: str) -> list[str]:
    """A file name with spaces, or the last word after options."""
    words = told.split()
    return list(dict.fromkeys([told.strip(), *words[-1:]]))
