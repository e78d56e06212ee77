"""A textured surface as arrays: what loading makes and drawing reads."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int32, Int64, UInt8

_TINY = 1e-12  # keeps a normal without a direction finite


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


def stretched(mesh: Mesh, factors: Float64[np.ndarray, "3"]) -> Mesh:
    """Along the world's axes; then shrunk, so that the longest side is 1 again."""
    positions = mesh.positions * factors
    sides = np.ptp(positions.reshape(-1, 3), axis=0)
    normals = mesh.normals / factors
    normals /= np.linalg.norm(normals, axis=-1, keepdims=True).clip(_TINY)
    return replace(
        mesh,
        positions=(positions / sides.max()).astype(np.float32),
        normals=normals.astype(np.float32),
    )
