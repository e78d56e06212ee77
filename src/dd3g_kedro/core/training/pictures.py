"""Rows of images, to look at while a network learns."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor


def picture_rows(rows: Sequence[Sequence[Tensor]], size: int = 128) -> Image.Image:
    """One picture of equally long rows of sRGB images [3, h, w], each scaled to `size` pixels."""
    lines = []
    for row in rows:
        cells = [
            torch.nn.functional.interpolate(
                image.detach().float().cpu()[None], (size, size), mode="area"
            )[0]
            if image.shape[-1] > size
            else torch.nn.functional.interpolate(image.detach().float().cpu()[None], (size, size))[
                0
            ]
            for image in row
        ]
        lines.append(torch.cat(cells, dim=-1))
    pixels = torch.cat(lines, dim=-2).clamp(0, 1).permute(1, 2, 0).numpy()
    return Image.fromarray(np.round(pixels * 255).astype(np.uint8))
