"""CLIP's two encoders from the forms in which people have them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, nn
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPVisionConfig,
    CLIPVisionModel,
    PreTrainedConfig,
)

from dd3g_kedro.core.errors import InvalidWeights, MissingWeights
from dd3g_kedro.core.teacher.state_dicts import load_exactly
from dd3g_kedro.released.checkpoints import find_tensors, read_json, read_tensors
from dd3g_kedro.released.clip import (
    RELEASED_CLIP,
    empty_encoder,
    image_encoder_from_original,
    text_encoder_from_original,
)

ORIGINAL_PREFIX = "clip_model.model."
_OPEN_CLIP = ("open_clip_model", "open_clip_pytorch_model")
_HUGGING_FACE = ("model", "pytorch_model")
_TEXT, _VISION = "text_model.", "vision_model."


@dataclass(frozen=True)
class ClipEncoders:
    """What a file or folder holds of CLIP ViT-H/14, in float32 on the CPU."""

    image: CLIPVisionModel | None = None
    text: CLIPTextModel | None = None
    tokenizer: Path | None = None  # folder with vocab.json and merges.txt


def load_clip(path: Path, config: Mapping[str, Any] | None = None) -> ClipEncoders:
    """Read CLIP from a diffusers folder, a transformers folder, or OpenCLIP's file or folder.

    Args:
        path: file or folder.
        config: OpenCLIP's configuration, for its files; ViT-H/14 by default.

    Raises:
        MissingWeights: nothing is there.
        InvalidWeights: it is none of these, or its tensors are not CLIP ViT-H/14's.
    """
    if path.is_dir():
        if (path / "image_encoder").is_dir() or (path / "text_encoder").is_dir():
            return clip_from_diffusers(path)
        if any(any(path.glob(f"{stem}.*")) for stem in _OPEN_CLIP):
            return clip_from_original(find_tensors(path, *_OPEN_CLIP), str(path), config)
        return _from_transformers(path)
    if not path.exists():
        raise MissingWeights(
            f"{path}: expected CLIP ViT-H/14 (laion2b_s32b_b79k), found nothing. Get the "
            "folder of huggingface.co/laion/CLIP-ViT-H-14-laion2B-s32B-b79K and name it as clip."
        )
    return clip_from_original(read_tensors(path), str(path), config)


def clip_from_original(
    tensors: Mapping[str, Tensor], name: str, config: Mapping[str, Any] | None = None
) -> ClipEncoders:
    """Build the encoders from OpenCLIP's names, with or without ImageDream's prefix.

    Raises:
        InvalidWeights: names or shapes do not fit; the message starts with `name`.
    """
    bare = {key.removeprefix(ORIGINAL_PREFIX): value for key, value in tensors.items()}
    config = config or RELEASED_CLIP
    try:
        return ClipEncoders(
            image_encoder_from_original(config, bare), text_encoder_from_original(config, bare)
        )
    except InvalidWeights as error:
        raise InvalidWeights(f"{name}: {error}") from error


def clip_from_diffusers(folder: Path) -> ClipEncoders:
    """Build what a diffusers folder has of image_encoder/, text_encoder/ and tokenizer/.

    Raises:
        InvalidWeights: a part is damaged or of another model.
    """
    image = text = None
    if (part := folder / "image_encoder").is_dir():
        tensors = find_tensors(part, *_HUGGING_FACE)
        image = _vision(part, read_json(part / "config.json"), tensors)
    if (part := folder / "text_encoder").is_dir():
        tensors = find_tensors(part, *_HUGGING_FACE)
        text = _text(part, read_json(part / "config.json"), tensors)
    return ClipEncoders(image, text, _tokenizer(folder / "tokenizer"))


def _from_transformers(folder: Path) -> ClipEncoders:
    """A whole CLIPModel; ImageDream's text encoder is the same without its last block."""
    config, tensors = read_json(folder / "config.json"), find_tensors(folder, *_HUGGING_FACE)
    if "text_config" not in config or "vision_config" not in config:
        raise InvalidWeights(
            f"{folder / 'config.json'}: expected a CLIP model with text_config and vision_config, "
            f"found {config.get('model_type', 'another configuration')}. Give CLIP ViT-H/14."
        )
    text = {"num_hidden_layers": 12, **config["text_config"]}
    last = text["num_hidden_layers"] - 1
    dropped = f"{_TEXT}encoder.layers.{last}."
    kept = {key: value for key, value in tensors.items() if not key.startswith(dropped)}
    return ClipEncoders(
        _vision(folder, config["vision_config"], kept),
        _text(folder, {**text, "num_hidden_layers": last}, kept),
        _tokenizer(folder),
    )


def _tokenizer(folder: Path) -> Path | None:
    return folder if (folder / "vocab.json").is_file() else None


def _own_names(tensors: Mapping[str, Tensor], prefix: str, other_prefix: str) -> dict[str, Tensor]:
    """Today's names of a tower: transformers 5 has no prefix, older files have buffers."""
    return {
        key.removeprefix(prefix): value
        for key, value in tensors.items()
        if not key.startswith(other_prefix)
        and not key.endswith(("position_ids", "_projection.weight"))
        and key != "logit_scale"
    }


def _empty(
    folder: Path,
    model: type[nn.Module],
    kind: type[PreTrainedConfig],
    config: Mapping[str, Any],
) -> Any:
    try:
        return empty_encoder(model, kind.from_dict(dict(config)))
    except Exception as error:  # transformers' own, and whatever its layers raise
        raise InvalidWeights(
            f"{folder / 'config.json'}: expected a {kind.__name__}, but no encoder can be built "
            f"from it: {' '.join(str(error).split())}. Download it again."
        ) from error


def _vision(
    folder: Path, config: Mapping[str, Any], tensors: Mapping[str, Tensor]
) -> CLIPVisionModel:
    encoder = _empty(folder, CLIPVisionModel, CLIPVisionConfig, config)
    load_exactly(f"{folder}: image encoder", encoder, _own_names(tensors, _VISION, _TEXT))
    return encoder


def _text(folder: Path, config: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> CLIPTextModel:
    encoder = _empty(folder, CLIPTextModel, CLIPTextConfig, config)
    load_exactly(f"{folder}: text encoder", encoder, _own_names(tensors, _TEXT, _VISION))
    return encoder
