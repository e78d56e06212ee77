"""Pretrained features beside the mini teacher's own image tokens (Ours)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from dd3g_kedro.core.imagenet_features import REDUCTIONS, WIDTHS, ImagenetFeatures


class ImagenetTokens(nn.Module):
    """Frozen ImageNet features of every patch, at the width of the tokens that they are added to.

    The last matrix starts at zero: a teacher that gets these features is what it was before. The
    features come from their package and are no part of the teacher's weights.
    """

    def __init__(self, stages: Sequence[int], side: int, width: int) -> None:
        """For `side` x `side` patches.

        Raises:
            MissingWeights: the package of the features' weights is not installed.
        """
        super().__init__()
        self.side = side
        self._features = [ImagenetFeatures.pretrained(stages)]  # a list hides it from `state_dict`
        self.size = side * REDUCTIONS[max(stages) - 1]  # Ours: the last stage has a cell a patch
        channels = [WIDTHS[stage - 1] for stage in self._features[0].stages]
        self.norms = nn.ModuleList(nn.LayerNorm(count) for count in channels)
        self.to_width = nn.Linear(sum(channels), width)
        nn.init.zeros_(self.to_width.weight)
        nn.init.zeros_(self.to_width.bias)

    @torch.no_grad()
    def _maps(self, images: Float[Tensor, "b 3 h w"]) -> list[Float[Tensor, "b t c"]]:
        features = self._features[0].to(images.device)
        larger = F.interpolate(images, (self.size, self.size), mode="bilinear", antialias=False)
        maps = features(larger.contiguous(memory_format=torch.channels_last))
        pooled = [F.adaptive_avg_pool2d(part.float(), self.side) for part in maps]
        return [rearrange(part, "b c y x -> b (y x) c") for part in pooled]

    def forward(self, images: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b t d"]:
        """Of images in [0, 1]: their patches' mean, then the patches row by row."""
        normed = [norm(part) for norm, part in zip(self.norms, self._maps(images), strict=True)]
        tokens = self.to_width(torch.cat(normed, dim=-1))
        return torch.cat([tokens.mean(dim=1, keepdim=True), tokens], dim=1)
