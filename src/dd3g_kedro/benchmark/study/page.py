"""The user study of Sec. IV-A: one page for the participants, a key that stays here.

Participants see an object's input picture and every method's turntable, without names and in random
order, and score each from 1 (very poor) to 10 (perfection). `study_answers` reads what they send.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8

from dd3g_kedro.benchmark.config import StudyConfig
from dd3g_kedro.benchmark.methods.lifters import Method
from dd3g_kedro.benchmark.tables.strips import data_uri, tiled, webp
from dd3g_kedro.benchmark.tables.turntables import turntable
from dd3g_kedro.benchmark.truth.views import OBJECT_FAILURES, ObjectHandle, evenly
from dd3g_kedro.core.config_building import configuration
from dd3g_kedro.core.geometry import CameraRig
from dd3g_kedro.core.objective.background import composite
from dd3g_kedro.core.progress import track
from dd3g_kedro.core.types import byte_rows
from dd3g_kedro.pictures.framing import square

_LOG = logging.getLogger(__name__)
_QUALITY = 90  # of lossy WebP; the same for every method
_CODES = 16**8  # opaque names to draw from


@dataclass(frozen=True)
class StudyObject:
    """One set: the picture, and what each method made of it."""

    name: str
    given: UInt8[np.ndarray, "h w 3"]
    turntables: Mapping[str, UInt8[np.ndarray, "f s s 3"]]  # by method; sRGB, all of one shape


@configuration
class StudyKey:
    """Which object and method an opaque name stands for; participants must not see it."""

    study: str  # digest of the page's content
    samples: dict[str, tuple[str, str]]  # opaque name -> object, method
    protocol: str = ""  # whose objects they are: its id
    protocol_digest: str = ""


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
            sighting = handle.load().named(handle.name).sighting
            grey = torch.full((1, 3), background)
            given = byte_rows(composite(square(sighting.rgba, config.size), grey[0])[None])[0]
            turntables = {}
            for label, method in methods.items():
                seen = partial(method, sighting, size=config.size, background=grey)
                around = config.frames, config.elevation_deg
                turntables[label] = turntable(seen, *around, rig)
        except OBJECT_FAILURES as error:
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


def study_page(
    objects: Sequence[StudyObject],
    seed: int,
    title: str,
    frame_ms: int = 80,
    protocol: tuple[str, str] = ("", ""),
) -> Study:
    """One HTML file that works from disk, shows no names, and saves the scores as JSON.

    Every pair of object and method gets an opaque name, drawn from `seed`; whoever knows this code
    and the seed can draw them again. The order of objects and methods is drawn in the page from the
    participant's code. A turntable is one WebP picture of all its frames, so that all turn together
    and can be stopped. The same arguments give the same page. The key remembers the `protocol` (id,
    digest) that the objects belong to; the page does not show it.

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
            strips.append({"id": code, "strip": _picture(tiled(item.turntables[method], columns))})
        shown.append({"id": codes.pop(), "given": _picture(item.given), "samples": _sorted(strips)})
    turning = {"frames": shape[0], "columns": columns, "frame_ms": frame_ms}
    content = {"title": title, "objects": _sorted(shown)} | turning
    digest = hashlib.sha256(json.dumps(content).encode()).hexdigest()
    page = _filled_template({"digest": digest} | content)
    named = dict(sorted(samples.items()))
    key = StudyKey(study=digest, samples=named, protocol=protocol[0], protocol_digest=protocol[1])
    return Study(page, key)


def _sorted(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """By opaque name: the order in which they were made would tell what they are."""
    return sorted(items, key=lambda item: item["id"])


def _filled_template(content: Mapping[str, Any]) -> str:
    text = json.dumps(content).replace("<", "\\u003c")  # no tag can begin
    folder = files("dd3g_kedro.benchmark.study")
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


def _picture(pixels: UInt8[np.ndarray, "h w 3"]) -> str:
    return data_uri(webp(pixels, _QUALITY))
