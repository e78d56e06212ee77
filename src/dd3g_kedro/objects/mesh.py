"""A textured surface as arrays: what loading makes and drawing reads."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Int32, Int64, UInt8


@dataclass(frozen=True)
class Textures:
    """All pictures of a mesh in one flat array, each with its mip levels (halvings)."""

    texels: UInt8[np.ndarray, "n 4"]  # sRGB and alpha, rows from the top
    levels: Int64[np.ndarray, "m 3"]  # a row a level: first texel, height, width
    first_level: Int64[np.ndarray, "t2"]  # picture t has the levels first[t] .. first[t + 1] - 1
    cutout: Bool[np.ndarray, "t"]  # the picture has holes: alpha under one half is no surface


@dataclass(frozen=True)
class Mesh:
    """Separate triangles in the world frame, box centred on the origin, longest side 1.

    The colour of a point is its interpolated `colors`, times its texture where it has one.
    """

    positions: Float32[np.ndarray, "f 3 3"]  # triangle, corner, xyz
    normals: Float32[np.ndarray, "f 3 3"]  # unit; on the side from which the corners run left
    colors: Float32[np.ndarray, "f 3 3"]  # sRGB in [0, 1]
    uvs: Float32[np.ndarray, "f 3 2"]  # in picture sides, v downwards; repeats outside [0, 1]
    texture: Int32[np.ndarray, "f"]  # index of the picture, -1 without one
    textures: Textures

    def __len__(self) -> int:
        return len(self.positions)
