"""A generated object with its pictures, and its folder on disk."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from dd3g_kedro.core.errors import DD3GError, InvalidImage
from dd3g_kedro.core.files import written_whole
from dd3g_kedro.core.geometry import orbit
from dd3g_kedro.core.objective.background import composite
from dd3g_kedro.core.progress import track
from dd3g_kedro.core.rendering.render import render
from dd3g_kedro.core.student.weights import Student
from dd3g_kedro.core.types import Gaussians, byte_rows
from dd3g_kedro.formats.ply import write_ply
from dd3g_kedro.formats.splat import write_splat
from dd3g_kedro.formats.turntable import spread, write_turntable
from dd3g_kedro.generation.config import GenerateConfig, Pictures
from dd3g_kedro.generation.lifting import generate
from dd3g_kedro.pictures.framing import frame
from dd3g_kedro.pictures.reading import read_rgba
from dd3g_kedro.pictures.sheet import contact_sheet

_LOG = logging.getLogger(__name__)
_CHUNK = 6  # views rendered at a time


@dataclass(frozen=True)
class GeneratedObject:
    """One object: b = 1."""

    gaussians: Gaussians
    given: UInt8[np.ndarray, "h w 3"]  # the picture that the student saw
    views: UInt8[np.ndarray, "v h w 3"]  # evenly around, from the front
    frames: UInt8[np.ndarray, "f h w 3"]  # of the turntable
    frame_ms: int


def views_around(
    gaussians: Gaussians, count: int, pictures: Pictures, background: float
) -> UInt8[np.ndarray, "{count} h w 3"]:
    """Pictures of one object from `count` azimuths, evenly spaced from the front."""
    device = gaussians.means.device
    grey = torch.full((1, 3), background, device=device)
    azimuths = torch.tensor(spread(count), dtype=torch.float32).deg2rad()
    elevations = torch.full((count,), pictures.elevation_deg).deg2rad()
    parts = []
    for azimuth, elevation in zip(azimuths.split(_CHUNK), elevations.split(_CHUNK), strict=True):
        cameras = orbit(azimuth[None], elevation[None], pictures.rig).to(device)
        with torch.inference_mode():
            parts.append(byte_rows(render(gaussians, cameras, pictures.size, grey).images[0]))
    return np.concatenate(parts)


def make_object(
    student: Student, rgba: Float[Tensor, "4 h w"], seed: int, config: GenerateConfig
) -> GeneratedObject:
    """Lift one RGBA picture and look at the result from all sides."""
    gaussians = generate(
        student,
        rgba,
        seed,
        framing=config.framing,
        background=config.background,
        autocast=config.autocast,
    )
    seen = composite(
        frame(rgba, config.pictures.size, config.framing), torch.full((3,), config.background)
    )
    return GeneratedObject(
        gaussians=gaussians,
        given=byte_rows(seen[None])[0],
        views=views_around(gaussians, config.pictures.views, config.pictures, config.background),
        frames=views_around(gaussians, config.pictures.frames, config.pictures, config.background),
        frame_ms=config.pictures.frame_ms,
    )


def write_object(folder: Path, made: GeneratedObject) -> None:
    """Write object.ply, .splat, sheet.png and turntable.webp; the folder is replaced whole."""
    with written_whole(folder) as temporary:
        temporary.mkdir()
        write_ply(made.gaussians, temporary / "object.ply")
        write_splat(made.gaussians, temporary / "object.splat")
        labels = [f"{azimuth:.0f}°" for azimuth in spread(len(made.views))]
        sheet = contact_sheet([made.given, *made.views], ["input", *labels], columns=3)
        sheet.save(temporary / "sheet.png")
        write_turntable(temporary / "turntable.webp", made.frames, made.frame_ms)


def output_names(pictures: Sequence[Path], config: GenerateConfig) -> list[str]:
    """A folder name for each picture: its own name, numbered where two are alike.

    Raises:
        ValueError: `generate.name` is set, but there are several pictures.
    """
    if config.name is not None:
        if len(pictures) != 1:
            raise ValueError(
                f"generate.name is one folder's name, but there are {len(pictures)} pictures; "
                "give one picture, or leave generate.name out"
            )
        return [config.name]
    names: list[str] = []
    for picture in pictures:
        stem = picture.stem.strip(". ") or "object"
        name, count = stem, 2
        while name in names:
            name, count = f"{stem}-{count}", count + 1
        names.append(name)
    return names


def generated_objects(
    pictures: Sequence[Path], student: Student, config: GenerateConfig
) -> Iterator[tuple[str, GeneratedObject]]:
    """Every picture's object under its folder's name; a bad picture is told and passed over.

    Raises:
        InvalidImage: no picture could be used.
    """
    reasons = []
    jobs = list(zip(output_names(pictures, config), pictures, strict=True))
    for name, picture in track(jobs, len(jobs), "generate", "pictures"):
        try:
            rgba = read_rgba(picture, config.limits, remove_background=config.remove_background)
        except (DD3GError, OSError) as error:
            if len(jobs) > 1:  # else the error that ends the run tells it
                _LOG.error("generate: %s", error)
            reasons.append(str(error))
            continue
        for seed in range(config.seed, config.seed + config.variants):
            label = f"{name}-seed{seed}" if config.variants > 1 else name
            yield label, make_object(student, rgba, seed, config)
    if len(reasons) == len(jobs):
        several = f"none of {len(jobs)} pictures could be used, each for its reason above; first: "
        raise InvalidImage((several if len(jobs) > 1 else "") + reasons[0])
    if reasons:
        _LOG.warning("generate: %d of %d pictures could not be used", len(reasons), len(jobs))
