"""Are the weights there that a configuration asks for? Needs no torch: a run asks at its start."""

from __future__ import annotations

from pathlib import Path

from dd3g_kedro.core.errors import MissingWeights
from dd3g_kedro.core.student.image_encoder_config import ImageEncoderConfig

_FILES = ("config.json", "model.safetensors")


def require_image_encoder_weights(config: ImageEncoderConfig) -> Path:
    """The folder of the image encoder's weights.

    Raises:
        MissingWeights: it is not there; the message says what to download and where to put it.
    """
    if config.weights is None:
        raise ValueError("image_encoder.weights must name a folder, got null")
    folder = Path(config.weights)
    missing = [name for name in _FILES if not (folder / name).is_file()]
    if missing:
        raise MissingWeights(
            f"{folder}: image_encoder.weights expects DINOv2 in transformers' format, "
            f"{' and '.join(missing)} not found. Download config.json and model.safetensors of "
            "https://huggingface.co/facebook/dinov2-large (1.2 GB, Apache-2.0) into that folder: "
            "`hf download facebook/dinov2-large config.json model.safetensors "
            f"--local-dir {folder}`."
        )
    return folder
