"""Image tokens: DINOv2 (Sec. IV-F, [52])."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from dd3g_kedro.core.errors import InvalidWeights, MissingWeights
from dd3g_kedro.core.imagenet_features import WIDTHS, ImagenetFeatures
from dd3g_kedro.core.student.config import ImageEncoderConfig

_MEAN = (0.485, 0.456, 0.406)  # ImageNet's, as DINOv2 was trained
_DEVIATION = (0.229, 0.224, 0.225)
_FILES = ("config.json", "model.safetensors")


def _architecture(config: ImageEncoderConfig) -> dict[str, object]:
    return {
        "hidden_size": config.width,
        "num_hidden_layers": config.blocks,
        "num_attention_heads": config.heads,
        "mlp_ratio": config.mlp_ratio,
        "patch_size": config.patch_size,
        "image_size": config.position_size or config.image_size,
    }


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


def _load(folder: Path, config: ImageEncoderConfig) -> nn.Module:
    from transformers import Dinov2Config, Dinov2Model

    try:
        found = Dinov2Config.from_pretrained(folder, local_files_only=True)
        for key, expected in _architecture(config).items():
            if getattr(found, key) != expected:
                raise ValueError(f"its {key} is {getattr(found, key)}, not {expected}")
        model, report = Dinov2Model.from_pretrained(
            folder,
            config=found,
            local_files_only=True,
            use_safetensors=True,
            dtype=torch.float32,
            output_loading_info=True,
        )
        if report["missing_keys"]:
            raise ValueError(f"it lacks {', '.join(sorted(report['missing_keys'])[:3])}")
    except Exception as error:  # transformers raises whatever its parsers raise
        raise InvalidWeights(
            f"{folder}: expected the DINOv2 weights that image_encoder describes, but {error}. "
            "Set image_encoder to the weights' sizes, or fetch the folder again."
        ) from error
    model.embeddings.mask_token = None  # serves DINOv2's own training only
    return model


def resized(image: Float[Tensor, "b 3 h w"], size: int) -> Float[Tensor, "b 3 {size} {size}"]:
    """Pictures in [0, 1] at another size; unchanged where they have it."""
    if image.shape[-2:] == (size, size):
        return image
    resampled = F.interpolate(image.float(), (size, size), mode="bicubic", antialias=True)
    return resampled.clamp(0, 1)


class ImagenetTokens(nn.Module):
    """Ours: frozen ImageNet features of every patch, brought to the tokens' width."""

    def __init__(self, stages: Sequence[int], side: int, width: int) -> None:
        """`side` x `side` patches.

        Raises:
            MissingWeights: the package of the features' weights is not installed.
        """
        super().__init__()
        self.side = side
        self.features = ImagenetFeatures(stages)
        if not self.features.stem.weight.is_meta:  # else a file of the student fills it
            self.features = ImagenetFeatures.pretrained(stages)
        channels = [WIDTHS[stage - 1] for stage in self.features.stages]
        self.norms = nn.ModuleList(nn.LayerNorm(count) for count in channels)
        self.to_width = nn.Linear(sum(channels), width)

    def forward(self, image: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b t d"]:
        """The picture's mean, then the patches row by row."""
        with torch.no_grad():
            maps = [
                F.interpolate(part.float(), (self.side, self.side), mode="bilinear")
                for part in self.features(image)
            ]
        rows = [rearrange(part, "b c y x -> b (y x) c") for part in maps]
        normed = [norm(part) for norm, part in zip(self.norms, rows, strict=True)]
        tokens = self.to_width(torch.cat(normed, dim=-1))
        return torch.cat([tokens.mean(dim=1, keepdim=True), tokens], dim=1)


class ImageEncoder(nn.Module):
    """II as tokens: the class token, then one for each patch, row by row."""

    def __init__(self, config: ImageEncoderConfig) -> None:
        """Build it.

        Raises:
            MissingWeights: the configuration names weights that are not there.
            InvalidWeights: they are damaged or of another size.
        """
        super().__init__()
        self.size = config.image_size
        if config.weights is None:
            from transformers import Dinov2Config, Dinov2Model

            settings = Dinov2Config(**_architecture(config), use_mask_token=False)
            self.network: nn.Module = Dinov2Model(settings)
        else:
            self.network = _load(require_image_encoder_weights(config), config)
        side = config.image_size // config.patch_size
        stages = config.imagenet_stages
        self.imagenet = ImagenetTokens(stages, side, config.width) if stages else None
        self.trainable = config.trainable
        self.freeze()

    def freeze(self) -> None:
        """Let what the configuration trains learn, and keep the rest."""
        self.requires_grad_(requires_grad=True)
        self.network.requires_grad_(self.trainable)
        if self.imagenet is not None:
            self.imagenet.features.requires_grad_(requires_grad=False)

    def forward(self, image: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b t d"]:
        """Encode sRGB pictures in [0, 1]."""
        image = resized(image, self.size)
        mean = torch.tensor(_MEAN, device=image.device)[:, None, None]
        deviation = torch.tensor(_DEVIATION, device=image.device)[:, None, None]
        tokens = self.network(pixel_values=(image - mean) / deviation).last_hidden_state
        return tokens if self.imagenet is None else tokens + self.imagenet(image)
