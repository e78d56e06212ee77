"""PEPD: the generator of the paper (Sec. III-B)."""

from __future__ import annotations

from functools import partial
from typing import Protocol

from einops import pack
from jaxtyping import Float
from torch import Tensor, nn

from dd3g_kedro.core.geometry.config import CameraRig
from dd3g_kedro.core.student.config import PEPDConfig
from dd3g_kedro.core.student.image_encoder import ImageEncoder
from dd3g_kedro.core.student.pattern_extraction import PatternExtraction
from dd3g_kedro.core.student.progressive_decoding import ProgressiveDecoding
from dd3g_kedro.core.student.ray_start import StartOnRays
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


class _Decoded(nn.Module):
    """What PEPD and its ablation share: image tokens in, Gaussians out of all tokens."""

    def __init__(
        self,
        image_encoder: nn.Module,
        progressive_decoding: nn.Module,
        rays: StartOnRays | None = None,
    ) -> None:
        super().__init__()
        self.image_encoder = image_encoder
        self.progressive_decoding = progressive_decoding
        self.rays = rays

    def decode(
        self, tokens: Float[Tensor, "b t d"], input_image: Float[Tensor, "b 3 h w"]
    ) -> Gaussians:
        """p2, from a start on the picture's rays where there is one."""
        start = None if self.rays is None else partial(self.rays, images=input_image)
        return self.progressive_decoding(tokens, start)


class PEPD(_Decoded):
    """Lift one image to Gaussians: G = p2(II + p1(II, N, C)), + joining tokens (Eq. 2)."""

    def __init__(
        self,
        image_encoder: nn.Module,
        pattern_extraction: nn.Module,
        progressive_decoding: nn.Module,
        rays: StartOnRays | None = None,
    ) -> None:
        super().__init__(image_encoder, progressive_decoding, rays)
        self.pattern_extraction = pattern_extraction

    @staticmethod
    def from_config(config: PEPDConfig, elevation_deg: float, rig: CameraRig) -> nn.Module:
        """Compose the modules that the configuration names.

        Args:
            config: theirs.
            elevation_deg: of the input picture's camera, at azimuth 0.
            rig: of all cameras.

        Raises:
            MissingWeights: the image encoder's weights are not there.
        """
        image_encoder = ImageEncoder(config.image_encoder)
        decoding = ProgressiveDecoding(config.progressive_decoding, config.tokens)
        rays = None
        if config.rays is not None:
            side = config.image_encoder.image_size // config.image_encoder.patch_size
            per_token = config.progressive_decoding.gaussians_per_token
            rays = StartOnRays(config.rays, side, per_token, elevation_deg, rig)
        if config.pattern_extraction is None:
            return PD(image_encoder, decoding, rays)
        width = config.progressive_decoding.width
        extraction = PatternExtraction(config.pattern_extraction, config.image_encoder.width, width)
        return PEPD(image_encoder, extraction, decoding, rays)

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
        return self.decode(tokens, input_image)


class PD(_Decoded):
    """G = p2(II): the ablation that ignores the probabilistic flow (Table II, c)."""

    def forward(
        self,
        input_image: Float[Tensor, "b 3 h w"],
        noise: Float[Tensor, "b v c y x"],  # noqa: ARG002, as every generator's
        rays: Float[Tensor, "b v 6 y x"],  # noqa: ARG002
    ) -> Gaussians:
        """Lift pictures, sRGB in [0, 1]."""
        return self.decode(self.image_encoder(input_image), input_image)
