"""The image encoder's numbers, which several architectures share."""

from __future__ import annotations

from dataclasses import dataclass

from dd3g_kedro.core.config_building import build_fields
from dd3g_kedro.core.student.checks import require, require_positive


@dataclass(frozen=True, kw_only=True)
class ImageEncoderConfig:
    """DINOv2's architecture: the released weights (`paper`) or a small one trained along."""

    image_size: int  # pixels; pictures of another size are resized
    patch_size: int
    width: int
    blocks: int
    heads: int
    mlp_ratio: int = 4
    position_size: int | None = None  # pixels its positions were trained at, if not image_size
    weights: str | None = None  # folder in transformers' format: config.json, model.safetensors
    trainable: bool = True  # Ours: Sec. IV-F calls the image codes DINO's own; `paper` freezes them
    imagenet_stages: tuple[
        int, ...
    ] = ()  # Ours: of EfficientNet-Lite0, frozen, that join the tokens

    def __post_init__(self) -> None:
        where = "image_encoder"
        build_fields(self, where)
        sizes = ("image_size", "patch_size", "width", "blocks", "heads", "mlp_ratio")
        require_positive(self, where, *sizes)
        for key in ("image_size", "position_size"):
            size = getattr(self, key) or self.image_size
            require(
                size % self.patch_size == 0,
                f"{where}.{key} must be a multiple of patch_size {self.patch_size}, got {size}",
            )
        require(
            self.width % self.heads == 0,
            f"{where}.width must be a multiple of heads {self.heads}, got {self.width}",
        )
        require(
            all(1 <= stage <= 7 for stage in self.imagenet_stages),
            f"{where}.imagenet_stages must lie in 1..7, got {list(self.imagenet_stages)}",
        )
        require(
            self.trainable or self.weights is not None,
            f"{where}.trainable may be false only where weights are given: random features "
            "would stay random",
        )

    @property
    def tokens(self) -> int:
        """One token a patch, and the class token."""
        return (self.image_size // self.patch_size) ** 2 + 1
