"""Small objects whose views are known, and a small student."""

from __future__ import annotations

import io
import json
from importlib.resources import files
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import trimesh
import yaml
from PIL import Image

from dd3g_kedro.benchmark.truth.stored_views import StoredViews
from dd3g_kedro.core.config_building import build
from dd3g_kedro.core.student.config import StudentConfig
from dd3g_kedro.core.student.weights import Student, load_student, save_student

SIZE = 48


def saved_student(project: Path, folder: Path, seed: int = 0) -> Student:
    """An untrained student of the smoke size, read from its file in `folder`."""
    numbers = yaml.safe_load((project / "conf/smoke/parameters_student.yml").read_text())
    made = Student.from_config(build(StudentConfig, numbers["student"], "student"), seed=seed)
    path = folder / "student.safetensors"
    save_student(path, made)
    return load_student(path)


def drawing(seed: int = 0, size: int = SIZE) -> torch.Tensor:
    """An ellipse left of the middle, every pixel of another colour: straight RGBA."""
    y, x = np.mgrid[:size, :size] / size
    inside = ((x - 0.45) / 0.2) ** 2 + ((y - 0.5) / 0.3) ** 2 < 1
    color = np.random.default_rng(seed).uniform(0.2, 0.8, 3)
    rgb = np.stack([color[0] * (0.4 + x), color[1] * (0.4 + y), 0 * x + color[2]])
    return torch.from_numpy(np.concatenate([rgb * inside, inside[None]])).float()


def png(rgba: torch.Tensor) -> bytes:
    pixels = (rgba * 255).round().byte().permute(1, 2, 0).numpy()
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, format="PNG")
    return stream.getvalue()


def views_table(objects: int = 3, front_deg: float = 0.0) -> pd.DataFrame:
    """Stored views: the input and four others, at azimuths counted from `front_deg`."""
    rows = []
    for index in range(objects):
        views = [("input", 0.0), *((f"view{k}", 90.0 * k) for k in range(4))]
        for number, (view, azimuth) in enumerate(views):
            picture = drawing(index if azimuth == 0 else 10 * index + number)
            rows.append((f"object{index}", view, azimuth + front_deg, 5.0, png(picture)))
    return pd.DataFrame(rows, columns=["object_id", "view", "azimuth_deg", "elevation_deg", "png"])


def stored_views(table: pd.DataFrame, folder: Path) -> StoredViews:
    """The table as its file."""
    path = folder / "benchmark_views.parquet"
    table.to_parquet(path, index=False)
    return StoredViews(path)


def protocol_file(folder: Path, **changes) -> str:
    """A protocol for the objects here, as its file; `azimuths_deg` and `size` reach inside."""
    content = json.loads(
        files("dd3g_kedro.benchmark").joinpath("protocols", "demo-1.json").read_text()
    )
    content["views"]["azimuths_deg"] = changes.pop("azimuths_deg", [0, 90, 180, 270])
    content["drawing"]["size"] = changes.pop("size", SIZE)
    content |= {"name": "known", "objects": None} | changes
    path = folder / "known-1.json"
    path.write_text(json.dumps(content))
    return str(path)


def write_boxes(folder: Path) -> Path:
    """Three coloured boxes and their catalogue."""
    lines = ["id,name,split"]
    for index, split in enumerate(("train", "test", "train")):
        box = trimesh.creation.box((0.5 + 0.2 * index, 1.0, 0.7))
        box.visual.vertex_colors = np.array([200 - 60 * index, 90, 40 + 60 * index, 255])
        path = folder / "boxes" / f"box{index}.glb"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(box.export(file_type="glb"))
        lines.append(f"boxes/box{index},box,{split}")
    (folder / "catalog.csv").write_text("\n".join(lines) + "\n")
    return folder
