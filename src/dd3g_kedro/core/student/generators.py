"""The generator that a configuration names."""

from __future__ import annotations

from dataclasses import replace

from torch import nn

from dd3g_kedro.core.student.baseline_config import SplatterImageConfig, TriplaneGaussianConfig
from dd3g_kedro.core.student.config import Architecture, StudentConfig
from dd3g_kedro.core.student.pepd import PEPD
from dd3g_kedro.core.student.splatter_image import SplatterImage
from dd3g_kedro.core.student.triplane_gaussian import TriplaneGaussian


def build_generator(config: StudentConfig) -> nn.Module:
    """The untrained network, called as `student.pepd.Generator`.

    Raises:
        MissingWeights: the image encoder's weights are not there.
        InvalidWeights: they are damaged or of another size.
    """
    return _build(config, config.architecture)


def build_empty_generator(config: StudentConfig) -> nn.Module:
    """The network to be filled from a file that holds all its weights, the image encoder's too."""
    chosen = config.architecture
    if not isinstance(chosen, SplatterImageConfig):
        encoder = replace(chosen.image_encoder, weights=None, trainable=True)
        chosen = replace(chosen, image_encoder=encoder)
    return _build(config, chosen)


def _build(config: StudentConfig, chosen: Architecture) -> nn.Module:
    if isinstance(chosen, SplatterImageConfig):
        return SplatterImage(chosen, config.elevation_deg, config.rig)
    if isinstance(chosen, TriplaneGaussianConfig):
        return TriplaneGaussian(chosen, config.elevation_deg, config.rig)
    return PEPD.from_config(chosen, config.elevation_deg, config.rig)
