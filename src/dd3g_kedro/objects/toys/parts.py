"""A painted piece of surface, and how pieces become one object."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np
import trimesh
from jaxtyping import Float, Int, UInt8
from PIL import Image

Number = float | int  # checked in tests, where an int is no float
Color = tuple[int, int, int]  # sRGB bytes
_DECIMALS = 5  # of coordinates: rounding hides how processors differ in the last bits


@dataclass(frozen=True)
class Part:
    """Triangles with a colour a vertex, or with a picture wrapped around them."""

    vertices: Float[np.ndarray, "n 3"]
    faces: Int[np.ndarray, "m 3"]
    uvs: Float[np.ndarray, "n 2"]  # v downwards
    colors: UInt8[np.ndarray, "n 3"] | None = None
    picture: UInt8[np.ndarray, "h w c"] | None = None  # RGB or RGBA

    def move(self, x: Number, y: Number, z: Number) -> Part:
        """Shift."""
        return replace(self, vertices=self.vertices + np.array([x, y, z]))

    def scale(self, x: Number, y: Number, z: Number) -> Part:
        """Stretch along the axes."""
        faces = self.faces if x * y * z > 0 else self.faces[:, ::-1]
        return replace(self, vertices=self.vertices * [x, y, z], faces=faces)

    def turn(self, axis: str, degrees: Number) -> Part:
        """Rotate around an axis through the origin, right-handed."""
        c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
        i, j = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}[axis]
        matrix = np.eye(3)
        matrix[i, i], matrix[i, j], matrix[j, i], matrix[j, j] = c, -s, s, c
        return replace(self, vertices=self.vertices @ matrix.T)

    def paint(self, color: Color) -> Part:
        """One colour."""
        colors = np.tile(np.asarray(color, np.uint8), (len(self.vertices), 1))
        return replace(self, colors=colors, picture=None)

    def shade(self, low: Color, high: Color) -> Part:
        """A run of colours from the lowest to the highest vertex."""
        height = self.vertices[:, 1]
        share = (height - height.min()) / max(np.ptp(height), 1e-9)
        return self.paint_by(lambda _: share[:, None] * high + (1 - share[:, None]) * low)

    def paint_by(self, color: Callable[[np.ndarray], np.ndarray]) -> Part:
        """A colour a vertex, from its position."""
        colors = np.clip(np.round(color(self.vertices)), 0, 255).astype(np.uint8)
        return replace(self, colors=colors, picture=None)

    def wear(self, picture: UInt8[np.ndarray, "h w c"]) -> Part:
        """A picture instead of colours."""
        return replace(self, picture=picture, colors=None)


def both_sides(part: Part) -> list[Part]:
    """A part and its mirror image on the object's other side."""
    return [part, part.scale(-1, 1, 1)]


def _painted(parts: list[Part]) -> trimesh.Trimesh:
    starts = np.cumsum([0, *(len(part.vertices) for part in parts[:-1])])
    colors = np.concatenate([part.colors for part in parts if part.colors is not None])
    return trimesh.Trimesh(
        np.concatenate([part.vertices for part in parts]).round(_DECIMALS),
        np.concatenate([part.faces + start for part, start in zip(parts, starts, strict=True)]),
        vertex_colors=np.column_stack([colors, np.full(len(colors), 255, np.uint8)]),
        process=False,
    )


def _papered(part: Part) -> trimesh.Trimesh:
    assert part.picture is not None
    material = trimesh.visual.material.PBRMaterial(
        baseColorTexture=Image.fromarray(part.picture),
        alphaMode="MASK" if part.picture.shape[-1] == 4 else "OPAQUE",
        metallicFactor=0.0,
        roughnessFactor=1.0,
    )
    uvs = part.uvs * [1, -1] + [0, 1]  # trimesh counts v from the bottom
    return trimesh.Trimesh(
        part.vertices.round(_DECIMALS),
        part.faces,
        visual=trimesh.visual.TextureVisuals(uv=uvs.round(_DECIMALS), material=material),
        process=False,
    )


def assemble(parts: Iterable[Part]) -> trimesh.Scene:
    """One object: all painted parts in one mesh, one more for each part with a picture."""
    parts = list(parts)
    painted = [part for part in parts if part.picture is None]
    scene = trimesh.Scene()
    if painted:
        scene.add_geometry(_painted(painted), node_name="painted", geom_name="painted")
    for number, part in enumerate(part for part in parts if part.picture is not None):
        name = f"picture{number}"
        scene.add_geometry(_papered(part), node_name=name, geom_name=name)
    return scene
