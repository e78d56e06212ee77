"""The user study of Sec. IV-A: one page for the participants, a key that stays here.

Participants see an object's input picture and every method's turntable, without names and in random
order, and score each from 1 (very poor) to 10 (perfection). `study_answers` reads what they send.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import logging
import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image
from torch import Tensor

from dd3g_kedro.core.config_building import build_fields
from dd3g_kedro.core.errors import DD3GError
from dd3g_kedro.core.evaluation.benchmark import ObjectHandle, evenly, ring
from dd3g_kedro.core.evaluation.methods import Method
from dd3g_kedro.core.geometry import CameraRig
from dd3g_kedro.core.images.background import composite
from dd3g_kedro.core.images.framing import square
from dd3g_kedro.core.progress import track

_LOG = logging.getLogger(__name__)
_QUALITY = 90  # of lossy WebP; the same for every method
_CODES = 16**8  # opaque names to draw from
# What an object or a method can do wrong; anything else is a bug and ends the run.
_FAILURES = (DD3GError, ValueError, ArithmeticError, OSError)


@dataclass(frozen=True, kw_only=True)
class StudyConfig:
    """How the page is made. Ours: the paper tells the scale, the 10 sets and the 47 volunteers."""

    objects: int = 10  # at most, evenly spaced over the evaluated ones
    frames: int = 36  # of a turntable
    frame_ms: int = 80
    size: int = 256  # pixels a side
    elevation_deg: float = 5.0
    seed: int = 0  # of the opaque names
    title: str = "How good are these 3D models?"
    folder: Path | None = None  # the collected answers; none: only the page is made

    def __post_init__(self) -> None:
        build_fields(self, "evaluate.study")
        for name in ("objects", "frames", "size"):
            if getattr(self, name) < 1:
                raise ValueError(
                    f"evaluate.study.{name} must be at least 1, got {getattr(self, name)}"
                )
        if self.frame_ms < 20:
            raise ValueError(f"evaluate.study.frame_ms must be at least 20, got {self.frame_ms}")
        if not -90 < self.elevation_deg < 90:
            raise ValueError(
                f"evaluate.study.elevation_deg must lie in (-90, 90), got {self.elevation_deg}"
            )


@dataclass(frozen=True)
class StudyObject:
    """One set: the picture, and what each method made of it."""

    name: str
    given: UInt8[np.ndarray, "h w 3"]
    turntables: Mapping[str, UInt8[np.ndarray, "f s s 3"]]  # by method; sRGB, all of one shape


@dataclass(frozen=True)
class StudyKey:
    """Which object and method an opaque name stands for; participants must not see it."""

    study: str  # digest of the page's content
    samples: dict[str, tuple[str, str]]  # opaque name -> object, method

    def __post_init__(self) -> None:
        build_fields(self, "user study key")


@dataclass(frozen=True)
class Study:
    """The page, self-contained, and its key."""

    page: str  # HTML
    key: StudyKey


def study_objects(
    methods: Mapping[str, Method],
    handles: Sequence[ObjectHandle],
    config: StudyConfig,
    rig: CameraRig,
    background: float,
) -> list[StudyObject]:
    """Turntables of every method for `config.objects` of the objects.

    An object that a method fails on is left out and told, for participants must compare all.

    Raises:
        ValueError: not one object is left.
    """
    made, reasons = [], []
    chosen = evenly(handles, config.objects)
    for handle in track(chosen, len(chosen), "user study", "objects"):
        label = "the object itself"
        try:
            sighting = handle.load().sighting
            grey = torch.full((1, 3), background)
            given = _bytes(composite(square(sighting.rgba, config.size), grey[0])[None])[0]
            azimuths = [360 * frame / config.frames for frame in range(config.frames)]
            cameras = ring(azimuths, [config.elevation_deg] * config.frames, rig)
            turntables = {}
            for label, method in methods.items():
                turntables[label] = _bytes(method(sighting, cameras, config.size, grey))
        except _FAILURES as error:
            reasons.append(f"{handle.name} ({label}): {error}")
            _LOG.warning("user study: left out %s", reasons[-1])
            continue
        made.append(StudyObject(handle.name, given, turntables))
    if not made:
        raise ValueError(
            f"user study: none of {len(chosen)} objects can be shown. The first reasons: "
            + "; ".join(reasons[:3])
        )
    return made


def _bytes(images: Float[Tensor, "v 3 h w"]) -> UInt8[np.ndarray, "v h w 3"]:
    if not bool(images.isfinite().all()):
        raise ValueError("expected finite pixels, the method predicted NaN or infinity")
    rounded = (images.detach().cpu().clamp(0, 1) * 255).round().to(torch.uint8)
    return rounded.permute(0, 2, 3, 1).contiguous().numpy()


def study_page(objects: Sequence[StudyObject], seed: int, title: str, frame_ms: int = 80) -> Study:
    """One HTML file that works from disk, shows no names, and saves the scores as JSON.

    Every pair of object and method gets an opaque name, drawn from `seed`; whoever knows this code
    and the seed can draw them again. The order of objects and methods is drawn in the page from the
    participant's code. A turntable is one WebP picture of all its frames, so that all turn together
    and can be stopped. The same arguments give the same page.

    Raises:
        ValueError: no objects, or their methods, frames or sizes differ: that alone would tell the
            methods apart.
    """
    methods, shape = _check(objects)
    draw = random.Random(seed)
    codes = [f"{n:08x}" for n in draw.sample(range(_CODES), len(objects) * (1 + len(methods)))]
    samples: dict[str, tuple[str, str]] = {}
    shown: list[dict[str, Any]] = []
    columns = math.ceil(math.sqrt(shape[0]))
    for item in objects:
        strips: list[dict[str, str]] = []
        for method in methods:
            code = codes.pop()
            samples[code] = (item.name, method)
            strips.append({"id": code, "strip": _webp(_tiled(item.turntables[method], columns))})
        shown.append({"id": codes.pop(), "given": _webp(item.given), "samples": _sorted(strips)})
    turning = {"frames": shape[0], "columns": columns, "frame_ms": frame_ms}
    content = {"title": title, "objects": _sorted(shown)} | turning
    digest = hashlib.sha256(json.dumps(content).encode()).hexdigest()
    page = _filled_template({"digest": digest} | content)
    return Study(page, StudyKey(digest, dict(sorted(samples.items()))))


def _sorted(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """By opaque name: the order in which they were made would tell what they are."""
    return sorted(items, key=lambda item: item["id"])


def _filled_template(content: Mapping[str, Any]) -> str:
    text = json.dumps(content).replace("<", "\\u003c")  # no tag can begin
    folder = files("dd3g_kedro.core.evaluation")
    page, style = (
        folder.joinpath(f"user_study.{kind}").read_text("utf-8") for kind in ("html", "css")
    )
    return page.replace("/*STYLE*/", style).replace("/*CONTENT*/", f"const STUDY = {text};")


def _check(objects: Sequence[StudyObject]) -> tuple[list[str], tuple[int, ...]]:
    """The methods and the shape that all turntables share."""
    if not objects or not objects[0].turntables:
        raise ValueError("user study: expected at least one object with one method, got none")
    names = [item.name for item in objects]
    if len(set(names)) < len(names):
        raise ValueError(f"user study: two objects have one name among {sorted(names)}")
    methods = list(objects[0].turntables)
    shape = objects[0].turntables[methods[0]].shape
    for item in objects:
        if set(item.turntables) != set(methods):
            raise ValueError(
                f"user study: {item.name} has turntables of {sorted(item.turntables)}, "
                f"{names[0]} of {sorted(methods)}; every object needs the same methods"
            )
        for method, frames in item.turntables.items():
            if frames.shape != shape:
                raise ValueError(
                    f"user study: {item.name} by {method} has frames of shape {frames.shape}, "
                    f"others {shape}; draw all turntables alike, or the page gives methods away"
                )
    return methods, shape


def _tiled(frames: UInt8[np.ndarray, "f s s 3"], columns: int) -> UInt8[np.ndarray, "h w 3"]:
    """All frames in one picture, row by row; white where the last row ends early."""
    count, size = frames.shape[:2]
    rows = -(-count // columns)
    sheet = np.full((rows * columns, size, size, 3), 255, np.uint8)
    sheet[:count] = frames
    grid = sheet.reshape(rows, columns, size, size, 3).transpose(0, 2, 1, 3, 4)
    return grid.reshape(rows * size, columns * size, 3)


def _webp(pixels: UInt8[np.ndarray, "h w 3"]) -> str:
    """A data URI."""
    stream = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(stream, "WEBP", quality=_QUALITY)
    return "data:image/webp;base64," + base64.b64encode(stream.getvalue()).decode("ascii")
