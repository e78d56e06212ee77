"""Upsampling for sampling: the convolution reads the small map, not the doubled one."""

from __future__ import annotations

from typing import Any, TypeGuard

import torch
import torch.nn.functional as F
from diffusers.models.upsampling import Upsample2D
from jaxtyping import Float
from torch import Tensor, nn

# Which of the three taps along one axis meet in each of the four of the transposed convolution.
_MEETING = ((0, 0, 1), (0, 1, 1), (1, 1, 0), (1, 0, 0))


class FoldedUpsample(Upsample2D):
    """Doubled by the nearest neighbour, then convolved 3x3: as one transposed convolution.

    Of the nine taps that a pixel of the doubled map reads, those that read the same small pixel
    are summed beforehand: four products instead of nine, the same result but for rounding.
    """

    def forward(
        self, hidden_states: Float[Tensor, "n c h w"], output_size: Any = None
    ) -> Float[Tensor, "n d 2*h 2*w"]:
        """Twice as high and wide.

        Raises:
            ValueError: another size is asked for, as of maps that cannot be halved at every level.
        """
        if output_size is not None:
            raise ValueError(
                f"a U-Net that is prepared for sampling doubles {tuple(hidden_states.shape[-2:])}, "
                f"got {output_size} to come to; give latents that can be halved at every level"
            )
        return F.conv_transpose2d(
            hidden_states, self.conv.weight, self.conv.bias, stride=2, padding=1
        )


def folded(weight: Float[Tensor, "d c 3 3"]) -> Float[Tensor, "c d 4 4"]:
    """The transposed convolution's weights (stride 2, padding 1)."""
    meeting = torch.tensor(_MEETING, dtype=weight.dtype, device=weight.device)
    return torch.einsum("au,bv,dcuv->cdab", meeting, meeting, weight).contiguous()


def _fits(layer: nn.Module) -> TypeGuard[Upsample2D]:
    """Whether it doubles, then convolves 3x3, and does nothing else."""
    if type(layer) is not Upsample2D or layer.norm is not None:
        return False
    if not (layer.use_conv and layer.interpolate):
        return False
    return (layer.conv.kernel_size, layer.conv.padding) == ((3, 3), (1, 1))


def fold_upsampling(network: nn.Module) -> None:
    """Make a diffusers network's upsamplers `FoldedUpsample`s, in place, where they fit."""
    for layer in network.modules():
        if _fits(layer):
            layer.conv.weight = nn.Parameter(folded(layer.conv.weight.detach()))
            layer.__class__ = FoldedUpsample
