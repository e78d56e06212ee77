"""Ours: the student looks at the object, not at the picture around it."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F

from dd3g_kedro.core.student.config import ObjectWindow


class Window(NamedTuple):
    """A square of the picture, in fractions of its side."""

    centre: Float[Tensor, "b 2"]  # x, y
    side: Float[Tensor, "b"]

    def places(self, within: Float[Tensor, "*n 2"]) -> Float[Tensor, "b *n 2"]:
        """Where places within the window, in fractions of its side, lie in the picture."""
        ones = (1,) * (within.dim() - 1)
        side, centre = self.side.view(-1, *ones, 1), self.centre.view(-1, *ones, 2)
        return centre + side * (within - 0.5)


def rim_color(images: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 3"]:
    """The colour that a picture is laid over: the median of its outermost pixels."""
    rows, columns = images[..., [0, -1], :], images[..., :, [0, -1]]
    return torch.cat([rows.flatten(2), columns.flatten(2)], dim=2).median(dim=2).values


def shows_object(
    colors: Float[Tensor, "b *n 3"], rim: Float[Tensor, "b 3"], contrast: float
) -> Bool[Tensor, "b *n"]:
    """Which colours differ from the rim's by more than the contrast in a channel."""
    rim = rim.view(-1, *(1,) * (colors.dim() - 2), 3)
    return (colors - rim).abs().amax(dim=-1) > contrast


def _extent(touched: Bool[Tensor, "b n"]) -> tuple[Float[Tensor, "b"], Float[Tensor, "b"]]:
    """From where to where a row of pixels is touched, in fractions; all of it where nowhere."""
    count = touched.shape[1]
    marks = touched.float()
    first, behind = marks.argmax(dim=1), marks.flip(1).argmax(dim=1)
    return first / count, (count - behind) / count


def object_window(images: Float[Tensor, "b 3 h w"], config: ObjectWindow) -> Window:
    """The square around what differs from the picture's rim, with a margin."""
    seen = shows_object(images.movedim(1, -1), rim_color(images), config.contrast)
    (left, right), (top, bottom) = (_extent(seen.any(dim=axis)) for axis in (1, 2))
    side = torch.maximum(right - left, bottom - top) * config.margin
    centre = torch.stack([left + right, top + bottom], dim=1) / 2
    return Window(centre, side.clamp(config.smallest, 1))


def whole(images: Float[Tensor, "b 3 h w"]) -> Window:
    """The picture itself."""
    return Window(images.new_full((len(images), 2), 0.5), images.new_ones(len(images)))


def cut(
    images: Float[Tensor, "b 3 h w"], window: Window, size: int
) -> Float[Tensor, "b 3 {size} {size}"]:
    """What the window shows, `size` pixels a side; bilinear, for it is hardly ever made smaller."""
    steps = (torch.arange(size, device=images.device) + 0.5) / size
    grid = torch.stack(torch.meshgrid(steps, steps, indexing="xy"), dim=-1)
    places = 2 * window.places(grid) - 1
    return F.grid_sample(images, places, padding_mode="border", align_corners=False)
