"""Benchmark objects drawn from a folder of meshes when their turn comes."""

from __future__ import annotations

import csv
from functools import partial
from pathlib import Path

from dd3g_kedro.core.evaluation.benchmark import (
    BenchmarkObject,
    ObjectHandle,
    benchmark_object,
    evenly,
    ring,
)
from dd3g_kedro.core.evaluation.config import EvaluateConfig
from dd3g_kedro.core.meshes.drawing import draw_mesh
from dd3g_kedro.core.meshes.loading import load_mesh

MESH_SUFFIXES = (".glb", ".gltf", ".obj")


def mesh_objects(config: EvaluateConfig) -> list[ObjectHandle]:
    """The meshes of `evaluate.meshes`, sorted by name; views are drawn when their turn comes.

    Raises:
        ValueError: there is no such folder, no mesh in it, or none of the wanted split.
    """
    folder = config.meshes
    if folder is None or not folder.is_dir():
        raise ValueError(f"evaluate.meshes: expected a folder of meshes, got {folder}")
    files = {
        path.relative_to(folder).with_suffix("").as_posix(): path
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in MESH_SUFFIXES
    }
    if not files:
        raise ValueError(
            f"evaluate.meshes: expected {', '.join(MESH_SUFFIXES)} files in {folder}, found none"
        )
    names = sorted(files)
    if config.split is not None:
        wanted = _split_members(folder / "catalog.csv", config.split)
        names = [name for name in names if name in wanted]
        if not names:
            raise ValueError(
                f"evaluate.split: no mesh in {folder} has the split {config.split!r} in its "
                "catalog.csv; choose another split, or null for all"
            )
    return [
        ObjectHandle(name, partial(_drawn_object, files[name], config))
        for name in evenly(names, config.limit)
    ]


def _split_members(catalog: Path, split: str) -> set[str]:
    if not catalog.is_file():
        raise ValueError(
            f"evaluate.split: expected {catalog} with the columns id and split, there is none; "
            "set evaluate.split to null"
        )
    with catalog.open(newline="", encoding="utf-8") as stream:
        rows = csv.DictReader(stream)
        if missing := {"id", "split"} - set(rows.fieldnames or ()):
            raise ValueError(f"{catalog}: expected a column {min(missing)}, got {rows.fieldnames}")
        return {row["id"] for row in rows if row["split"] == split}


def _drawn_object(path: Path, config: EvaluateConfig) -> BenchmarkObject:
    viewpoints = config.viewpoints
    azimuths = (0.0, *viewpoints.azimuths_deg)
    elevations = (viewpoints.elevation_deg,) * len(azimuths)
    cameras = ring(azimuths, elevations, viewpoints.rig)
    views = draw_mesh(load_mesh(path), cameras, viewpoints.size, config.lighting)
    rounded = (views * 255).round() / 255  # as stored views are, so that both score alike
    return benchmark_object(rounded, azimuths, elevations, viewpoints.rig)
