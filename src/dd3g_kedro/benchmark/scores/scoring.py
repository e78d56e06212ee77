"""The metrics of one object's views."""

from __future__ import annotations

import hashlib
import logging
import math
from collections.abc import Callable
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from dd3g_kedro.benchmark.config import LpipsWeights
from dd3g_kedro.benchmark.scores.names import (
    CLIP_SIMILARITY,
    IMAGENET_DISTANCE,
    LOOKS,
    METRICS,
    PSNR_CAP,
    SHARPNESS,
)
from dd3g_kedro.core.errors import MissingWeights
from dd3g_kedro.core.imagenet_features import ALL_STAGES, ImagenetFeatures
from dd3g_kedro.core.objective.background import composite
from dd3g_kedro.core.objective.explicit import ImageDistance
from dd3g_kedro.core.objective.fidelity import foreground_psnr, psnr, sharpness, ssim
from dd3g_kedro.core.objective.lpips import Backbone, Lpips
from dd3g_kedro.core.objective.perceptual import feature_distance

Similarity = Callable[[Tensor, Tensor], list[float]]
_LOG = logging.getLogger(__name__)


class Scorer:
    """PSNR, SSIM, foreground PSNR, sharpness and, where their weights are there, the distances.

    These are LPIPS, one by ImageNet features (Ours, never called LPIPS) and CLIP similarity.

    `missing` says, for each metric that cannot be computed, why; `clip_sha256` is that of the CLIP
    model's weights: similarities of different ones must not be compared.
    """

    def __init__(
        self,
        weights: LpipsWeights,
        background: float,
        device: torch.device,
        clip: Path | None = None,
    ) -> None:
        """Load the backbones, and the CLIP model of the folder `clip`.

        Raises:
            MissingWeights: `lpips.required` is set and a file is not there.
        """
        self.background = background
        self.device = device
        self.missing: dict[str, str] = {}
        self._lpips: dict[str, Lpips] = {}
        files: dict[Backbone, Path | None] = {"vgg": weights.vgg, "alex": weights.alex}
        for backbone, path in files.items():
            if path is None:
                self.missing[f"lpips_{backbone}"] = (
                    f"evaluate.lpips.{backbone} names no file of backbone weights"
                )
                continue
            try:
                self._lpips[f"lpips_{backbone}"] = Lpips(backbone, path).to(device)
            except MissingWeights as error:
                if weights.required:
                    raise
                _LOG.warning("LPIPS (%s) will be a dash: %s", backbone, error)
                self.missing[f"lpips_{backbone}"] = str(error)
        self._imagenet = self._loaded_features()
        self.clip_sha256: str | None = None
        self._clip = self._loaded_clip(clip)

    def _loaded_features(self) -> ImageDistance | None:
        try:
            return feature_distance(ImagenetFeatures.pretrained(ALL_STAGES).to(self.device))
        except MissingWeights as error:
            _LOG.warning("the distance by ImageNet features will be a dash: %s", error)
            self.missing[IMAGENET_DISTANCE] = str(error)
            return None

    def _loaded_clip(self, folder: Path | None) -> Similarity | None:
        if folder is None:
            self.missing[CLIP_SIMILARITY] = "evaluate.clip names no folder of a CLIP model"
            return None
        from dd3g_kedro.benchmark.scores.clip_similarity import WEIGHTS, ClipSimilarity

        try:
            model = ClipSimilarity(folder, self.device)
        except MissingWeights as error:
            _LOG.warning("CLIP similarity will be a dash: %s", error)
            self.missing[CLIP_SIMILARITY] = str(error)
            return None
        with (folder / WEIGHTS).open("rb") as stream:
            self.clip_sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
        return model

    @torch.inference_mode()
    def similarity(
        self, given: Float[Tensor, "3 h w"], images: Float[Tensor, "v 3 x y"]
    ) -> list[float]:
        """CLIP similarity of each view to the input, NaN where it is missing.

        Raises:
            ValueError: a predicted pixel is not finite.
        """
        _require_finite(images)
        if self._clip is None:
            return [math.nan] * len(images)
        return self._clip(given.to(self.device), images.to(self.device).float().clamp(0, 1))

    @torch.inference_mode()
    def __call__(
        self, images: Float[Tensor, "v 3 h w"], targets: Float[Tensor, "v 4 h w"]
    ) -> dict[str, list[float]]:
        """Every metric against the truth, of every view, NaN where it is missing.

        Raises:
            ValueError: a predicted pixel is not finite.
        """
        _require_finite(images)
        images, targets = images.to(self.device).float().clamp(0, 1), targets.to(self.device)
        truth = composite(targets, torch.full((len(targets), 3), self.background).to(targets))
        scores = {
            "psnr": psnr(images, truth).clamp(max=PSNR_CAP),
            "ssim": ssim(images, truth),
            "foreground_psnr": foreground_psnr(images, truth, targets[:, 3:]).clamp(max=PSNR_CAP),
        }
        for name in METRICS[3:]:
            absent = torch.full((len(images),), math.nan)
            net = self._lpips.get(name)
            scores[name] = absent if net is None else net(images, truth)
        scores[SHARPNESS] = sharpness(images, truth)
        scores[IMAGENET_DISTANCE] = (
            torch.full((len(images),), math.nan)
            if self._imagenet is None
            else self._imagenet(images, truth)
        )
        return {name: scores[name].tolist() for name in (*METRICS, *LOOKS)}


def _require_finite(images: Tensor) -> None:
    if not bool(images.isfinite().all()):
        raise ValueError("expected finite pixels, the method predicted NaN or infinity")
