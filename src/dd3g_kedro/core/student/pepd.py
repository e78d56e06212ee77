"""PEPD: the generator of the paper (Sec. III-B)."""

from __future__ import annotations

from typing import Protocol

from einops import pack
from jaxtyping import Float
from torch import Tensor, nn

from dd3g_kedro.core.student.config import PEPDConfig
from dd3g_kedro.core.student.image_encoder import ImageEncoder
from dd3g_kedro.core.student.pattern_extraction import PatternExtraction
from dd3g_kedro.core.student.progressive_decoding import ProgressiveDecoding
from dd3g_kedro.core.types import Gaussians


class Generator(Protocol):
    """G_theta: whatever lifts II with N and C to Gaussians; PEPD, its ablations, the baselines."""

    def __call__(
        self,
        input_image: Float[Tensor, "b 3 h w"],
        noise: Float[Tensor, "b v c y x"],
        rays: Float[Tensor, "b v 6 y x"],
    ) -> Gaussians:
        """Lift `input_image`, sRGB in [0, 1], composited on a background."""
        ...


class PEPD(nn.Module):
    """Lift one image to Gaussians: G = p2(II + p1(II, N, C)), + joining tokens (Eq. 2)."""

    def __init__(
        self,
        image_encoder: nn.Module,
        pattern_extraction: nn.Module,
        progressive_decoding: nn.Module,
    ) -> None:
        super().__init__()
        self.image_encoder = image_encoder
        self.pattern_extraction = pattern_extraction
        self.progressive_decoding = progressive_decoding

    @staticmethod
    def from_config(config: PEPDConfig) -> nn.Module:
        """Compose the modules that the configuration names.

        Raises:
            MissingWeights: the image encoder's weights are not there.
        """
        image_encoder = ImageEncoder(config.image_encoder)
        decoding = ProgressiveDecoding(config.progressive_decoding, config.tokens)
        if config.pattern_extraction is None:
            return PD(image_encoder, decoding)
        width = config.progressive_decoding.width
        extraction = PatternExtraction(config.pattern_extraction, config.image_encoder.width, width)
        return PEPD(image_encoder, extraction, decoding)

    def forward(
        self,
        input_image: Float[Tensor, "b 3 h w"],
        noise: Float[Tensor, "b v c y x"],
        rays: Float[Tensor, "b v 6 y x"],
    ) -> Gaussians:
        """Lift pictures, sRGB in [0, 1]."""
        image_tokens = self.image_encoder(input_image)
        pattern_tokens = self.pattern_extraction(image_tokens, noise, rays)
        tokens, _ = pack([image_tokens, pattern_tokens], "b * d")
        return self.progressive_decoding(tokens)


class PD(nn.Module):
    """G = p2(II): the ablation that ignores the probabilistic flow (Table II, c)."""

    def __init__(self, image_encoder: nn.Module, progressive_decoding: nn.Module) -> None:
        super().__init__()
        self.image_encoder = image_encoder
        self.progressive_decoding = progressive_decoding

    def forward(
        self,
        input_image: Float[Tensor, "b 3 h w"],
        noise: Float[Tensor, "b v c y x"],  # noqa: ARG002, as every generator's
        rays: Float[Tensor, "b v 6 y x"],  # noqa: ARG002
    ) -> Gaussians:
        """Lift pictures, sRGB in [0, 1]."""
        return self.progressive_decoding(self.image_encoder(input_image))
