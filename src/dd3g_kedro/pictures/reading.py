"""A picture file as the method wants it: RGBA with straight alpha."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from dd3g_kedro.core.errors import InvalidImage
from dd3g_kedro.pictures.config import ImageLimits
from dd3g_kedro.pictures.decoding import decode


def read_rgba(
    path: str | Path,
    limits: ImageLimits,
    *,
    remove_background: bool = False,
    image_id: str | None = None,
) -> Float[Tensor, "4 h w"]:
    """Read a picture as sRGB and straight alpha in [0, 1], upright.

    An opaque picture is refused, or with `remove_background` cut out of a uniform background; so is
    one whose pixels are not those of `image_id`.

    Raises:
        InvalidImage: the picture cannot be used; the message names the file, what was expected,
            what came and what to do.
    """
    path = Path(path)
    decoded = decode(path, limits)
    if image_id is not None and decoded.image_id != image_id:
        raise InvalidImage(
            f"{path}: the picture has changed: expected pixels with the id {image_id}, of "
            f"which the image table speaks, found {decoded.image_id}. Put the former picture "
            "back, or run `kedro run --pipelines=validate` and then `sample` again"
        )
    pixels = decoded.pixels
    full = np.float32(np.iinfo(pixels.dtype).max)
    rgba = rearrange(torch.from_numpy(pixels.astype(np.float32) / full), "h w c -> c h w")
    rgba = rgba.contiguous()
    if bool((rgba[3] == 1).all()):
        return _cut_out(path, rgba) if remove_background else _refuse_opaque(path)
    if not bool((rgba[3] >= 0.5).any()):
        raise InvalidImage(
            f"{path}: empty, no pixel is even half visible (alpha is at most "
            f"{float(rgba[3].max()):.2f}); use a picture that shows an object"
        )
    return rgba


def _refuse_opaque(path: Path) -> Float[Tensor, "4 h w"]:
    raise InvalidImage(
        f"{path}: opaque, where an object with transparent surroundings is expected; remove the "
        "background and save it as PNG with transparency"
    )


def _cut_out(path: Path, rgba: Float[Tensor, "4 h w"]) -> Float[Tensor, "4 h w"]:
    from dd3g_kedro.pictures.cutout import remove_uniform_background

    try:
        return remove_uniform_background(rgba[:3])
    except InvalidImage as error:
        raise InvalidImage(f"{path}: opaque, and {error}") from error
