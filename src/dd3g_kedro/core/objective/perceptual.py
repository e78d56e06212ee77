"""A perceptual distance that needs no foreign weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from dd3g_kedro.core.objective.explicit import ImageDistance

_EPSILON = 1e-8


def _unit(features: Float[Tensor, "n c y x"]) -> Float[Tensor, "n c y x"]:
    features = features.float()
    return features * (features.square().sum(dim=1, keepdim=True) + _EPSILON).rsqrt()


def feature_distance(features: Callable[[Tensor], Sequence[Tensor]]) -> ImageDistance:
    """Mean squared distance of unit feature vectors over cells and layers, in [0, 4].

    Ours: where LPIPS and its VGG are not at hand, the features are EfficientNet-Lite0's or those of
    the teacher's own autoencoder. Its values are on another scale than LPIPS and are never reported
    as such.

    Args:
        features: images, sRGB in [0, 1] -> maps "n c y x" of several layers.
    """

    def distance(
        images: Float[Tensor, "n 3 h w"], targets: Float[Tensor, "n 3 h w"]
    ) -> Float[Tensor, "n"]:
        with torch.no_grad():
            wanted = [_unit(layer) for layer in features(targets)]
        layers = [
            (_unit(layer) - want).square().sum(dim=1).mean(dim=(1, 2))
            for layer, want in zip(features(images), wanted, strict=True)
        ]
        return torch.stack(layers).mean(dim=0)

    return distance
