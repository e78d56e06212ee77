"""Projection of Gaussians to pixels, in plain torch (the CPU's half of what gsplat does on CUDA).

Tensors are planar (components before Gaussians): every operation runs over contiguous memory, and
the change to camera axes is one matrix product an object.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from dd3g_kedro.core.types import Cameras, Gaussians

NEAR = 0.01  # gsplat's defaults
BLUR = 0.3  # eps2d: added to both variances, square pixels
_FOV_MARGIN = 0.3  # the Jacobian is taken no further outside the picture than this, in half-widths
_SMALLEST_NORM = 1e-12  # squared; below it a quaternion says nothing and counts as no rotation
_SMALLEST_AREA = 1e-12  # squared, pixels; below it a Gaussian is a line, whose root has no slope


class Projected(NamedTuple):
    """Gaussians as a view sees them, in pixels."""

    means: Float[Tensor, "b v 2 g"]
    conics: Float[Tensor, "b v 3 g"]  # inverse covariance: xx, xy, yy
    depths: Float[Tensor, "b v g"]
    spreads: Float[Tensor, "b v 2 g"]  # standard deviations along x and y, without gradient
    compensations: Float[Tensor, "b v g"]  # of opacities, where antialiased: in [0, 1]


def rotation_matrices(quaternions: Float[Tensor, "b 4 g"]) -> Float[Tensor, "b 3 3 g"]:
    """R(q) of quaternions of any length, wxyz; a zero quaternion turns nothing."""
    squared = quaternions.square().sum(1, keepdim=True)
    zero = squared <= _SMALLEST_NORM
    unit = quaternions.masked_fill(zero, 0) * squared.masked_fill(zero, 1).rsqrt()
    w, x, y, z = unit.unbind(1)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return torch.stack([torch.stack(row, dim=1) for row in rows], dim=1)


def pixel_intrinsics(intrinsics: Float[Tensor, "b v 3 3"], size: int) -> Float[Tensor, "b v 3 3"]:
    """Fractions of the picture to pixels."""
    return intrinsics * intrinsics.new_tensor([[size], [size], [1]])


def project(gaussians: Gaussians, cameras: Cameras, size: int) -> Projected:
    """EWA splatting: mu' = pi(W mu), Sigma' = J W R S S R^T W^T J^T + 0.3 I.

    Sigma' = A A^T with A = J W R S (2 x 3), so det(Sigma') is a sum of squares (Cauchy-Binet) and
    keeps its digits for needles. The compensation of antialiased drawing is
    sqrt(det(Sigma' - 0.3 I) / det(Sigma')): how much smaller the Gaussian was before the blur
    (Mip-Splatting, as gsplat). Divisors of what lies before the near plane are replaced before
    dividing, so that gradients stay finite; NaN passes, so that training notices it.
    """
    rotation = cameras.world_to_camera[..., :3, :3]
    axes = rotation_matrices(rearrange(gaussians.quaternions, "b g c -> b c g").contiguous())
    scales = rearrange(gaussians.log_scales, "b g c -> b 1 c g").exp()
    flat = rearrange(rotation, "b v i k -> b (v i) k")
    local = flat @ rearrange(axes * scales, "b k j g -> b k (j g)")
    local = rearrange(local, "b (v i) (j g) -> b v i j g", i=3, j=3)
    centres = flat @ rearrange(gaussians.means, "b g k -> b k g")
    centres = rearrange(centres, "b (v i) g -> b v i g", i=3)
    centres = centres + cameras.world_to_camera[..., :3, 3:]

    *sideways, depths = centres.unbind(2)
    *local_sideways, local_depth = local.unbind(2)
    nearness = depths.masked_fill(depths < NEAR, 1).reciprocal()
    matrix = pixel_intrinsics(cameras.intrinsics, size)
    means, rows = [], []  # x, y; rows of A
    for axis in range(2):
        focal, principal = matrix[..., axis, axis, None], matrix[..., axis, 2, None]
        slope = sideways[axis] * nearness
        margin = _FOV_MARGIN * 0.5 * size / focal
        clamped = slope.clamp(-principal / focal - margin, (size - principal) / focal + margin)
        turned = local_sideways[axis] - clamped[:, :, None] * local_depth
        rows.append((focal * nearness)[:, :, None] * turned)
        means.append(slope * focal + principal)
    across, down = rows

    xx, xy, yy = (
        (first * second).sum(2)
        for first, second in ((across, across), (across, down), (down, down))
    )
    minors = across.roll(1, 2) * down.roll(2, 2) - across.roll(2, 2) * down.roll(1, 2)
    sharp = minors.square().sum(2)
    determinant = sharp + BLUR * (xx + yy) + BLUR * BLUR
    compensations = (sharp.clamp_min(_SMALLEST_AREA) / determinant).sqrt()
    conics = torch.stack([yy + BLUR, -xy, xx + BLUR], dim=2) / determinant[:, :, None]
    with torch.no_grad():
        spreads = torch.stack([xx, yy], dim=2).add_(BLUR).sqrt_()
    return Projected(torch.stack(means, dim=2), conics, depths, spreads, compensations)
