"""Adding Gaussians where they are pulled, and dropping those that nobody sees (3DGS).

Ours, not gsplat's strategies: those read the CUDA rasteriser's projected means and radii, and
draw from torch's global random state; this needs only gradients of the means, on any device.
Cameras stand at one distance, so that the gradient by the centre tells what 3DGS reads off the
gradient by its projection.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from dd3g_kedro.core.rendering.projection import rotation_matrices
from dd3g_kedro.core.types import Gaussians
from dd3g_kedro.fitting.config import Densification

_SHRINK = math.sqrt(0.5)  # of the split axis; as far apart, its variance stays (1/2 + 1/2)


def densify(
    gaussians: Gaussians, pulls: Float[Tensor, " g"], config: Densification
) -> tuple[Gaussians, Int[Tensor, " n"], Bool[Tensor, " n"]]:
    """Prune the transparent, then clone or split those that are pulled most.

    Returns:
        The Gaussians, the row that each came from, and which are new: copies and halves.
    """
    kept = keep_opaque(gaussians.opacities[0], config.prune_below)
    gaussians, pulls = _rows(gaussians, kept), pulls[kept]
    room = config.most - len(kept)
    count = max(min(round(config.share * len(kept)), room, int((pulls > 0).sum())), 0)
    chosen = pulls.topk(count).indices.sort().values
    longest = gaussians.log_scales[0, chosen].amax(dim=-1)
    large = longest > math.log(max(config.split_above, 1e-30))
    grown, fresh = grow(gaussians, chosen[~large], chosen[large])
    return grown, kept[_origin(len(kept), chosen[~large], chosen[large])], fresh


def keep_opaque(opacities: Float[Tensor, " g"], floor: float) -> Int[Tensor, " n"]:
    """Rows whose opacity is not below the floor; the most opaque one stays in any case."""
    keep = opacities >= floor
    keep[opacities.argmax()] = True
    return keep.nonzero()[:, 0]


def _origin(count: int, clones: Tensor, splits: Tensor) -> Int[Tensor, " n"]:
    """The row that each of the grown came from: all, then the copies, then the second halves."""
    rows = torch.arange(count, device=clones.device)
    return torch.cat([rows, clones, splits])


def grow(
    gaussians: Gaussians, clones: Int[Tensor, " c"], splits: Int[Tensor, " s"]
) -> tuple[Gaussians, Bool[Tensor, " n"]]:
    """Copy some Gaussians and cut others in two; return which rows are new.

    A clone lies where its original lies; both are as transparent as it takes for the two to pass
    the same light: alpha' = 1 - sqrt(1 - alpha) (Rota Bulo 2024). A half lies on the longest axis,
    sigma / sqrt(2) from the centre and 1 / sqrt(2) as long: Ours: the pair has the mass, the
    centre and the covariance of the whole, where 3DGS draws two places at random.
    """
    count = gaussians.means.shape[1]
    grown = _rows(gaussians, _origin(count, clones, splits))
    means, log_scales, opacities = (
        value.clone() for value in (grown.means, grown.log_scales, grown.opacities)
    )
    copies = slice(count, count + len(clones))
    halves = slice(count + len(clones), None)
    thin = -torch.expm1(0.5 * torch.log1p(-gaussians.opacities[:, clones]))
    opacities[:, clones] = opacities[:, copies] = thin

    axis = gaussians.log_scales[0, splits].argmax(dim=-1, keepdim=True)
    sigma = gaussians.log_scales[0, splits].gather(1, axis).exp()
    turned = rotation_matrices(gaussians.quaternions[:, splits].mT)[0]  # 3 3 s
    direction = turned.permute(2, 0, 1).gather(2, axis[:, None].expand(-1, 3, 1))[..., 0]
    means[0, splits] += _SHRINK * sigma * direction
    means[0, halves] -= _SHRINK * sigma * direction
    shorter = gaussians.log_scales[0, splits].scatter_add(
        1, axis, torch.full_like(sigma, math.log(_SHRINK))
    )
    log_scales[0, splits] = log_scales[0, halves] = shorter
    depth = -torch.log1p(-gaussians.opacities[:, splits]) * (0.5 / _SHRINK)  # optical, of each half
    opacities[:, splits] = opacities[:, halves] = -torch.expm1(-depth)

    fresh = torch.zeros(grown.means.shape[1], dtype=torch.bool, device=means.device)
    fresh[count:] = True
    fresh[splits] = True
    return Gaussians(means, log_scales, grown.quaternions, grown.colors, opacities), fresh


def _rows(gaussians: Gaussians, rows: Int[Tensor, " n"]) -> Gaussians:
    return Gaussians(*(value[:, rows] for value in vars(gaussians).values()))
