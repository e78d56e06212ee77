"""Benchmark objects drawn from a folder of meshes when their turn comes."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import torch
from einops import rearrange

from dd3g_kedro.benchmark.truth.views import BenchmarkObject, ObjectHandle, benchmark_object
from dd3g_kedro.objects.config import BenchmarkViews, Drawing
from dd3g_kedro.objects.loading import load_mesh
from dd3g_kedro.objects.mesh import Mesh
from dd3g_kedro.objects.objects import meshes_of_split
from dd3g_kedro.objects.views import draw_sides


def mesh_objects(
    folder: Path, split: str | None, drawing: Drawing, views: BenchmarkViews
) -> list[ObjectHandle]:
    """The meshes of a folder, sorted by name, drawn as the stored benchmark views are.

    Raises:
        InvalidMesh: there is no such folder, no mesh in it, or none of the wanted split.
    """
    files = meshes_of_split(folder, split, "evaluate.split")
    return [
        ObjectHandle(name, partial(_loaded_object, path, drawing, views))
        for name, path in files.items()
    ]


def _loaded_object(path: Path, drawing: Drawing, views: BenchmarkViews) -> BenchmarkObject:
    return drawn_object(load_mesh(path), drawing, views)


def drawn_object(mesh: Mesh, drawing: Drawing, views: BenchmarkViews) -> BenchmarkObject:
    """A mesh seen from azimuth 0, and from where the benchmark's views stand."""
    azimuths = (0.0, *views.azimuths_deg)
    elevations = (views.elevation_deg,) * len(azimuths)
    pixels = draw_sides(mesh, azimuths, elevations, drawing)
    pictures = rearrange(torch.from_numpy(pixels), "v h w c -> v c h w").float() / 255
    return benchmark_object(pictures, azimuths, elevations, drawing.rig)
