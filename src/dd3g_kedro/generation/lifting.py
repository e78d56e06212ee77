"""One picture to Gaussians: the whole inference path, without files."""

from __future__ import annotations

import contextlib

import torch
from jaxtyping import Float
from torch import Tensor

from dd3g_kedro.core.devices import network_autocast
from dd3g_kedro.core.objective.background import composite
from dd3g_kedro.core.student.weights import Student
from dd3g_kedro.core.types import Gaussians
from dd3g_kedro.pictures.config import Framing
from dd3g_kedro.pictures.framing import frame


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
