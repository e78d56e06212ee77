"""PEPD: the generator of the paper (Sec. III-B)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

import torch
from einops import pack
from jaxtyping import Float
from torch import Tensor, nn

from dd3g_kedro.core.geometry.config import CameraRig
from dd3g_kedro.core.student.blocks import full_precision
from dd3g_kedro.core.student.config import PEPDConfig
from dd3g_kedro.core.student.image_encoder import ImageEncoder
from dd3g_kedro.core.student.pattern_extraction import PatternExtraction
from dd3g_kedro.core.student.progressive_decoding import ProgressiveDecoding, RawAttributes
from dd3g_kedro.core.student.ray_start import FrontFrame, StartOnRays
from dd3g_kedro.core.student.window import Window, cut, object_window, whole
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


class Placing(nn.Module):
    """Ours: what the student looks at, and where in the world its Gaussians go then."""

    def __init__(self, config: PEPDConfig, elevation_deg: float, rig: CameraRig) -> None:
        super().__init__()
        encoder = config.image_encoder
        self.window, self.size = config.window, encoder.image_size
        self.frame = FrontFrame(elevation_deg, rig)
        self.embedding = nn.Linear(3, encoder.width)
        self.rays = None
        if config.rays is not None:
            patches = encoder.image_size // encoder.patch_size
            per_token = config.progressive_decoding.gaussians_per_token
            self.rays = StartOnRays(config.rays, patches, per_token, self.frame)

    def look(self, images: Float[Tensor, "b 3 h w"]) -> tuple[Window, Float[Tensor, "b 3 y x"]]:
        """The window of each picture, and what it shows."""
        if self.window is None:
            return whole(images), images
        window = object_window(images, self.window)
        return window, cut(images, window, self.size)

    def told(self, window: Window) -> Float[Tensor, "b 1 d"]:
        """Where the window is, as every token is told it."""
        numbers = torch.cat([window.centre - 0.5, window.side.log()[:, None]], dim=1)
        return self.embedding(numbers)[:, None]

    def forward(
        self,
        decoding: ProgressiveDecoding,
        raw: RawAttributes,
        images: Float[Tensor, "b 3 h w"],
        window: Window,
    ) -> Gaussians:
        """Of what p2 decoded in the window's frame, Gaussians in the world."""
        with full_precision(images):
            means = decoding.scattered(raw.means)
            free = self.frame.free(means, window, decoding.bound)
            if self.rays is None:
                raw = raw._replace(means=free)
            else:
                parts = free, decoding.placed, images, window, decoding.bound
                raw = self.rays(raw, *parts)
            gaussians = decoding.activated(raw)
            larger = window.side.log()[:, None, None]
            return replace(gaussians, log_scales=gaussians.log_scales + larger)


class Decoded(nn.Module):
    """What PEPD and its ablation share: image tokens in, Gaussians of all tokens out."""

    def __init__(
        self,
        image_encoder: nn.Module,
        progressive_decoding: ProgressiveDecoding,
        placing: Placing | None = None,
    ) -> None:
        super().__init__()
        self.image_encoder = image_encoder
        self.progressive_decoding = progressive_decoding
        self.placing = placing

    def lifted(
        self,
        input_image: Float[Tensor, "b 3 h w"],
        joined: Callable[[Float[Tensor, "b t d"]], Float[Tensor, "b s d"]],
    ) -> Gaussians:
        """p2 of the tokens that image tokens are joined to, placed as the configuration says."""
        if self.placing is None:
            return self.progressive_decoding(joined(self.image_encoder(input_image)))
        with full_precision(input_image):
            window, shown = self.placing.look(input_image.float())
        tokens = joined(self.image_encoder(shown)) + self.placing.told(window)
        return self.placed(self.progressive_decoding.raw(tokens), input_image)

    def placed(self, raw: RawAttributes, input_image: Float[Tensor, "b 3 h w"]) -> Gaussians:
        """Gaussians of what p2 decoded of that picture."""
        decoding = self.progressive_decoding
        if self.placing is None:
            return decoding.activated(
                raw._replace(means=decoding.bound(decoding.scattered(raw.means)))
            )
        with full_precision(input_image):
            images = input_image.float()
            window, _ = self.placing.look(images)
        return self.placing(decoding, raw, images, window)


class PEPD(Decoded):
    """Lift one image to Gaussians: G = p2(II + p1(II, N, C)), + joining tokens (Eq. 2)."""

    def __init__(
        self,
        image_encoder: nn.Module,
        pattern_extraction: nn.Module,
        progressive_decoding: ProgressiveDecoding,
        placing: Placing | None = None,
    ) -> None:
        super().__init__(image_encoder, progressive_decoding, placing)
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
        placing = None
        if config.rays is not None or config.window is not None:
            placing = Placing(config, elevation_deg, rig)
        if config.pattern_extraction is None:
            return PD(image_encoder, decoding, placing)
        width = config.progressive_decoding.width
        extraction = PatternExtraction(config.pattern_extraction, config.image_encoder.width, width)
        return PEPD(image_encoder, extraction, decoding, placing)

    def forward(
        self,
        input_image: Float[Tensor, "b 3 h w"],
        noise: Float[Tensor, "b v c y x"],
        rays: Float[Tensor, "b v 6 y x"],
    ) -> Gaussians:
        """Lift pictures, sRGB in [0, 1]."""

        def joined(image_tokens: Float[Tensor, "b t d"]) -> Float[Tensor, "b s d"]:
            pattern_tokens = self.pattern_extraction(image_tokens, noise, rays)
            return pack([image_tokens, pattern_tokens], "b * d")[0]

        return self.lifted(input_image, joined)


class PD(Decoded):
    """G = p2(II): the ablation that ignores the probabilistic flow (Table II, c)."""

    def forward(
        self,
        input_image: Float[Tensor, "b 3 h w"],
        noise: Float[Tensor, "b v c y x"],  # noqa: ARG002, as every generator's
        rays: Float[Tensor, "b v 6 y x"],  # noqa: ARG002
    ) -> Gaussians:
        """Lift pictures, sRGB in [0, 1]."""
        return self.lifted(input_image, lambda image_tokens: image_tokens)
