"""One picture to Gaussians: the whole inference path, without files."""

from __future__ import annotations

import contextlib

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from dd3g_kedro.core.devices import network_autocast
from dd3g_kedro.core.generation.config import Framing
from dd3g_kedro.core.images.background import composite
from dd3g_kedro.core.images.framing import premultiply, recentre, square, straighten
from dd3g_kedro.core.student.weights import Student
from dd3g_kedro.core.types import Gaussians

_VISIBLE = 0.5  # alpha from which a pixel belongs to the object's box
_LARGEST = 6  # student's sides: a photograph of many megapixels is shrunk to that first


def generate(
    student: Student,
    rgba: Float[Tensor, "4 h w"],
    seed: int = 0,
    *,
    framing: Framing | None = None,
    background: float = 1.0,
    autocast: bool = False,
) -> Gaussians:
    """G = G_theta(N, C, II) (Eq. 2) with N from `seed`; one object (b = 1) on the student's device.

    Args:
        student: the generator.
        rgba: a picture of one object, straight alpha, sRGB in [0, 1], of any size.
        seed: of N; the same seed gives the same object.
        framing: where the object lies in the picture that the student sees.
        background: sRGB grey that the picture is laid over.
        autocast: run the network in bfloat16 where the hardware has it.
    """
    framed = frame(rgba, student.config.image_size, framing or Framing())
    picture = composite(framed, torch.full((3,), background))
    device = next(student.parameters()).device
    with network_autocast(device) if autocast else contextlib.nullcontext():
        return student.lift(picture[None], seeds=[seed])


def frame(
    rgba: Float[Tensor, "4 h w"], size: int, framing: Framing
) -> Float[Tensor, "4 {size} {size}"]:
    """The square picture that the student sees, recentred as `framing` says."""
    rgba = _shrunk(rgba, _LARGEST * size)
    if framing.recentre == "always" or (
        framing.recentre == "when_needed" and not well_framed(rgba, framing)
    ):
        return recentre(rgba, size, framing.border_ratio)
    return square(rgba, size)


def _shrunk(rgba: Float[Tensor, "4 h w"], largest: int) -> Float[Tensor, "4 y x"]:
    """The picture with its longer side at most `largest` pixels, antialiased."""
    height, width = rgba.shape[1:]
    scale = largest / max(height, width)
    if scale >= 1:
        return rgba
    size = (max(round(height * scale), 1), max(round(width * scale), 1))
    return straighten(
        F.interpolate(premultiply(rgba)[None], size=size, mode="bilinear", antialias=True)[0]
    )


def well_framed(rgba: Float[Tensor, "4 h w"], framing: Framing) -> bool:
    """Whether the object is centred and neither large nor small, as in the training pictures."""
    height, width = rgba.shape[1:]
    visible = rgba[3] > _VISIBLE
    if not visible.any():
        return False
    side = max(height, width)
    extents, offsets = [], []
    for axis, length in ((0, height), (1, width)):
        hit = visible.any(dim=1 - axis).nonzero()
        low, high = int(hit[0]), int(hit[-1]) + 1
        extents.append((high - low) / side)
        offsets.append(abs(low + high - length) / 2 / side)
    smallest, largest = framing.extent
    return smallest <= max(extents) <= largest and max(offsets) <= framing.centre_tolerance
