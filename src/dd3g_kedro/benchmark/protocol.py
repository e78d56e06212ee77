"""Frozen protocols: what is measured, on which objects and against which views.

A protocol is one JSON file, read into a `Manifest`. It never changes: another object, camera or
metric makes another version, because a number means nothing without what it was measured on.
Nothing heavy is imported, Kedro reads it at its start.
"""

from __future__ import annotations

import hashlib
import json
import re
from importlib.resources import files
from pathlib import Path
from typing import Literal

from dd3g_kedro.core.config_building import Share, build, configuration
from dd3g_kedro.objects.config import BenchmarkViews, Drawing

Source = Literal["stored_views", "gso", "rtmv", "meshes", "images"]
_SSIM_WINDOW = 11  # pixels
_SUFFIX = ".json"


@configuration
class Manifest:
    """One protocol; the input is seen from azimuth 0."""

    name: str
    version: int
    source: Source
    objects: tuple[str, ...] | None  # None: whatever is there
    input_elevation_deg: float | None  # None: the data bring their own cameras
    views: BenchmarkViews | None  # the targets; None: the data bring their own cameras
    targets: int | None = None  # how many of the data's own cameras
    drawing: Drawing  # size and rig, and how meshes are drawn
    background: Share  # sRGB grey behind everything; 1 is white
    metrics: dict[str, str]  # what each number means; a key ending in _ is a prefix
    notes: tuple[str, ...] = ()  # sources, and where it departs from them
    digest = ""  # no field: SHA-256 of the file's content; empty: no file

    def __post_init__(self) -> None:
        if self.drawing.size < _SSIM_WINDOW:
            raise ValueError(
                f"drawing.size must be at least {_SSIM_WINDOW}, SSIM's window, "
                f"got {self.drawing.size}"
            )
        if (self.views is None) == (self.targets is None):
            raise ValueError("views or targets must be set, exactly one of them")
        if (self.views is None) != (self.source == "rtmv"):
            raise ValueError("views must be null for rtmv, and set for other sources")
        if self.views is None:
            return
        if self.input_elevation_deg != self.views.elevation_deg:
            raise ValueError(
                "input_elevation_deg must be the targets' elevation, "
                f"{self.views.elevation_deg}, got {self.input_elevation_deg}"
            )

    @property
    def id(self) -> str:
        """Name and version, such as `gso-dd3g-1`."""
        return f"{self.name}-{self.version}"

    @property
    def ring(self) -> BenchmarkViews:
        """The targets' cameras.

        Raises:
            ValueError: the data bring their own.
        """
        if self.views is None:
            raise ValueError(f"protocol {self.id}: its data bring their own cameras")
        return self.views

    @property
    def has_truth(self) -> bool:
        """Whether there are views to compare with."""
        return self.source != "images"


def protocols() -> tuple[str, ...]:
    """The ids of the protocols in this repository, sorted."""
    folder = files("dd3g_kedro.benchmark").joinpath("protocols")
    names = (entry.name for entry in folder.iterdir())
    return tuple(sorted(name[: -len(_SUFFIX)] for name in names if name.endswith(_SUFFIX)))


def load_protocol(protocol: str) -> Manifest:
    """A protocol by its id, by its name (the newest version), or from a file `*.json`.

    Raises:
        ValueError: there is none, or the file is no manifest, or it carries the id of a protocol of
            this repository with another content.
    """
    if protocol.endswith(_SUFFIX):
        return _read(Path(protocol))
    return _known(protocol)


def _known(protocol: str) -> Manifest:
    found = [known for known in protocols() if protocol in (known, _name(known))]
    if not found:
        raise ValueError(
            f"evaluate.protocol: expected one of {', '.join(protocols())}, or a file *{_SUFFIX}, "
            f"got {protocol!r}"
        )
    newest = max(found, key=lambda known: int(known.rpartition("-")[2]))
    text = files("dd3g_kedro.benchmark").joinpath("protocols", newest + _SUFFIX)
    return _built(text.read_text("utf-8"), newest + _SUFFIX)


def _name(identity: str) -> str:
    return re.sub(r"-\d+$", "", identity)


def _read(path: Path) -> Manifest:
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"evaluate.protocol: {path} cannot be read ({error})") from error
    manifest = _built(text, str(path))
    if manifest.id in protocols() and manifest.digest != (frozen := _known(manifest.id)).digest:
        raise ValueError(
            f"evaluate.protocol: {path} calls itself {manifest.id}, which is frozen with another "
            f"content (sha256 {frozen.digest[:12]}, got {manifest.digest[:12]}); give it another "
            "name or version"
        )
    return manifest


def _built(text: str, where: str) -> Manifest:
    try:
        content = json.loads(text)
        manifest = build(Manifest, content, "protocol")
    except ValueError as error:
        raise ValueError(f"evaluate.protocol: {where} is no protocol: {error}") from error
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    object.__setattr__(manifest, "digest", hashlib.sha256(canonical.encode()).hexdigest())
    return manifest
