"""Mesh files as triangles in the world frame."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import trimesh
from jaxtyping import Float, Float32, UInt8
from PIL import Image

from dd3g_kedro.core.errors import InvalidMesh
from dd3g_kedro.objects.color import srgb_from_linear
from dd3g_kedro.objects.mesh import Mesh
from dd3g_kedro.objects.normals import corner_normals, face_areas_and_normals
from dd3g_kedro.objects.references import beside
from dd3g_kedro.objects.textures import stack_textures, texture_array

SUFFIXES = (".glb", ".gltf", ".obj")
CREASE = math.radians(30)
_MAX_FACES = 5_000_000
_GREY = 0.6  # Ours: what a surface without any colour gets

logging.getLogger("trimesh").setLevel(logging.ERROR)  # what matters is raised as InvalidMesh


class _LocalFiles(trimesh.resolvers.FilePathResolver):
    """Files beside the mesh, or where Google Scanned Objects' Gazebo layout keeps its textures."""

    def __init__(self, mesh: Path) -> None:
        super().__init__(str(mesh))
        self._mesh = mesh
        self.missing: list[str] = []

    def get(self, name: str) -> bytes:
        try:
            return super().get(name)
        except (FileNotFoundError, OSError, ValueError):
            if elsewhere := beside(self._mesh, name):
                return elsewhere.read_bytes()
            self.missing.append(name)
            raise


@dataclass
class _Soup:
    """Triangles collected over the parts of a scene."""

    positions: list[Float32[np.ndarray, "_ 3 3"]] = field(default_factory=list)
    colors: list[Float32[np.ndarray, "_ 3 3"]] = field(default_factory=list)
    uvs: list[Float32[np.ndarray, "_ 3 2"]] = field(default_factory=list)
    texture: list[np.ndarray] = field(default_factory=list)
    pictures: list[UInt8[np.ndarray, "_ _ 4"]] = field(default_factory=list)
    seen: dict[tuple[int, bool], int] = field(default_factory=dict)  # picture object -> index

    def picture_index(self, picture: Image.Image, keep_alpha: bool) -> int:
        """Decode a picture once, however many parts use it."""
        key = (id(picture), keep_alpha)
        if key not in self.seen:
            self.pictures.append(texture_array(picture, keep_alpha))
            self.seen[key] = len(self.pictures) - 1
        return self.seen[key]


def _corner_values(values: Any, faces: np.ndarray, channels: int) -> np.ndarray | None:
    """Values of vertices at the triangles' corners; integers become fractions of their range."""
    if values is None or len(values) == 0:
        return None
    values = np.asarray(values)[:, :channels]
    if np.issubdtype(values.dtype, np.integer):
        values = values / np.iinfo(values.dtype).max
    return values.astype(np.float32)[faces]


def _material(soup: _Soup, material: Any) -> tuple[Float[np.ndarray, "3"], int]:
    """The material's own colour (sRGB) and the index of its picture, -1 without one."""
    if isinstance(material, trimesh.visual.material.PBRMaterial):
        factor = material.baseColorFactor
        linear = np.ones(3) if factor is None else np.asarray(factor, float)[:3] / 255
        color, picture = srgb_from_linear(linear), material.baseColorTexture
        keep_alpha = material.alphaMode in ("MASK", "BLEND")
    else:
        picture, keep_alpha = getattr(material, "image", None), True
        diffuse = getattr(material, "diffuse", None)
        # with a picture, Kd is often left at 0.8 or 0 by exporters that mean the picture alone
        color = np.ones(3) if picture else np.asarray(diffuse, float)[:3] / 255
    return color, -1 if picture is None else soup.picture_index(picture, keep_alpha)


def _add_part(soup: _Soup, part: Any, transform: Float[np.ndarray, "4 4"]) -> None:
    faces = np.asarray(part.faces)
    vertices = np.asarray(part.vertices) @ transform[:3, :3].T + transform[:3, 3]
    count, visual = len(faces), part.visual
    colors = np.full((count, 3, 3), _GREY, np.float32)
    uvs, index = np.zeros((count, 3, 2), np.float32), -1
    if visual.kind == "texture":
        own, index = _material(soup, visual.material)
        corner_uvs = _corner_values(visual.uv, faces, 2)
        if corner_uvs is None:
            index = -1
        else:
            uvs = corner_uvs * [1, -1] + [0, 1]  # trimesh counts v from the bottom
        painted = _corner_values(visual.vertex_attributes.get("color"), faces, 3)
        colors[:] = own if painted is None else own * painted
    elif visual.kind == "vertex":
        # Ours: COLOR_0 holds display values, whatever the glTF text asks: so do the mesh pack
        # and most exporters
        colors[:] = _corner_values(visual.vertex_colors, faces, 3)
    elif visual.kind == "face":
        colors[:] = (visual.face_colors[:, :3] / 255)[:, None]
    soup.positions.append(vertices[faces].astype(np.float32))
    soup.colors.append(colors)
    soup.uvs.append(uvs.astype(np.float32))
    soup.texture.append(np.full(count, index, np.int32))


def _normal_form(
    positions: Float32[np.ndarray, "f 3 3"], up: Literal["y", "z"]
) -> Float32[np.ndarray, "f 3 3"]:
    """The file's axes to the world's, box centred on the origin, longest side 1."""
    world = positions[..., [2, 0, 1] if up == "y" else [1, 0, 2]].astype(np.float64)
    if up == "z":
        world[..., 0] *= -1
    low, high = world.min((0, 1)), world.max((0, 1))
    return ((world - (low + high) / 2) / (high - low).max()).astype(np.float32)


def _read_scene(path: Path) -> tuple[trimesh.Scene, list[str]]:
    if path.suffix.lower() not in SUFFIXES:
        raise InvalidMesh(f"{path}: expected one of {', '.join(SUFFIXES)}, got {path.suffix!r}")
    if not path.is_file():
        raise InvalidMesh(f"{path}: there is no such file")
    resolver = _LocalFiles(path)
    try:
        with path.open("rb") as stream:
            scene = trimesh.load_scene(
                stream, file_type=path.suffix[1:].lower(), resolver=resolver, process=False
            )
    except Exception as error:  # a foreign parser on a foreign file may raise anything
        raise InvalidMesh(
            f"{path}: cannot be read as {path.suffix[1:]} ({type(error).__name__}: {error}). "
            "Export it again, uncompressed, from the program that made it."
        ) from error
    return scene, resolver.missing


def _gather(path: Path, scene: trimesh.Scene) -> _Soup:
    soup = _Soup()
    for node in scene.graph.nodes_geometry:
        transform, name = scene.graph[node]
        part = scene.geometry[name]
        if isinstance(part, trimesh.Trimesh) and len(part.faces):
            try:
                _add_part(soup, part, transform)
            except (OSError, ValueError, IndexError, Image.DecompressionBombError) as error:
                raise InvalidMesh(
                    f"{path}: part {name!r} has broken colours, pictures or indices ({error})"
                ) from error
    return soup


def load_mesh(path: Path | str, up: Literal["y", "z"] = "y") -> Mesh:
    """Read `.glb`, `.gltf` or `.obj` and bring it to the normal form of `Mesh`.

    Args:
        path: the file.
        up: its vertical axis: y as in glTF (front +z), or z as in Blender and Gazebo (front -y).

    Raises:
        InvalidMesh: unreadable, a file that it names is missing, or it holds no surface.
    """
    path = Path(path)
    scene, missing = _read_scene(path)
    if missing:
        raise InvalidMesh(
            f"{path}: names {', '.join(sorted(set(missing)))}, found neither beside it nor in "
            "../materials/textures. Put the files there, or export the mesh as one .glb."
        )
    soup = _gather(path, scene)
    positions = np.concatenate([*soup.positions, np.zeros((0, 3, 3), np.float32)])
    if len(positions) > _MAX_FACES:
        raise InvalidMesh(
            f"{path}: {len(positions):,} triangles, at most {_MAX_FACES:,} are read; simplify it"
        )
    if not np.isfinite(positions).all():
        raise InvalidMesh(f"{path}: some vertices are NaN or infinite; repair and export it again")
    area, _ = face_areas_and_normals(positions)
    keep = area > 0
    if not keep.any():
        raise InvalidMesh(
            f"{path}: holds no surface (no triangle has an area). If it is compressed (Draco, "
            "meshopt), export it without compression."
        )
    positions = _normal_form(positions[keep], up)
    return Mesh(
        positions=positions,
        normals=corner_normals(positions, CREASE),
        colors=np.clip(np.concatenate(soup.colors)[keep], 0, 1).astype(np.float32),
        uvs=np.concatenate(soup.uvs)[keep],
        texture=np.concatenate(soup.texture)[keep],
        textures=stack_textures(soup.pictures),
    )
