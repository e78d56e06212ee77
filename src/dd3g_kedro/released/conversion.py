"""The released ImageDream as a teacher of this project."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from transformers import CLIPTextModel, CLIPTokenizer, CLIPVisionModel

from dd3g_kedro.core.errors import InvalidWeights, MissingWeights
from dd3g_kedro.core.teacher.clip import IMAGE_LAYER
from dd3g_kedro.core.teacher.config import TeacherConfig
from dd3g_kedro.core.teacher.teacher import Teacher
from dd3g_kedro.released.clip import prompt_tokens, text_tokens
from dd3g_kedro.released.clip_files import ClipEncoders, load_clip
from dd3g_kedro.released.config import TeacherOrigin
from dd3g_kedro.released.parts import Architecture, ReleasedParts, load_released


def released_teacher(config: TeacherOrigin, architecture: Architecture | None = None) -> Teacher:
    """Read the released weights and encode the prompts; float32, on the CPU, ready to be asked.

    Args:
        config: where they are.
        architecture: of an original file of another size than the released one.

    Raises:
        ValueError: the teacher is of another kind, or its image size does not fit the U-Net.
        MissingWeights: the weights, or CLIP where they have none, are not there.
        InvalidWeights: a file is damaged or of another model, or the parts do not fit together.
    """
    if config.kind != "imagedream":
        raise ValueError(
            f"teacher.kind is {config.kind} in this environment: such a teacher is trained, by "
            "`kedro run --pipelines=teacher`. Released weights are converted where teacher.kind is "
            "imagedream, as in --env=paper"
        )
    parts = load_released(Path(config.weights), architecture)
    _check_size(config.image_size, parts)
    sizes = None if architecture is None else architecture.clip
    image_encoder, text_encoder, tokenizer = _complete_clip(parts.clip, config, sizes)
    _check_widths(config.weights, parts, image_encoder, text_encoder)
    teacher = Teacher(
        TeacherConfig(
            image_size=config.image_size,
            encoder_size=int(image_encoder.config.image_size),
            encoder_layer=IMAGE_LAYER,
            elevation_deg=config.elevation_deg,
            rig=config.rig,
            unet=parts.unet.config,
        ),
        parts.unet,
        parts.autoencoder,
        image_encoder,
        parts.schedule,
        _prompts(config, text_encoder, tokenizer),
    )
    return teacher.requires_grad_(requires_grad=False).eval()


def _check_size(image_size: int, parts: ReleasedParts) -> None:
    halvings = len(parts.autoencoder.config["block_out_channels"]) + len(parts.unet.config.channels)
    multiple = 2 ** (halvings - 2)
    if image_size < 1 or image_size % multiple:
        raise ValueError(
            f"teacher.image_size must be a multiple of {multiple}, which the VAE and the U-Net "
            f"halve to whole cells, got {image_size}"
        )


def _complete_clip(
    found: ClipEncoders, config: TeacherOrigin, sizes: Mapping[str, Any] | None
) -> tuple[CLIPVisionModel, CLIPTextModel, Path | None]:
    """The checkpoint's own encoders and tokenizer, and what they lack from `teacher.clip`."""
    other = ClipEncoders() if config.clip is None else load_clip(Path(config.clip), sizes)
    image, text = found.image or other.image, found.text or other.text
    if image is None or text is None:
        lacking = "image" if image is None else "text"
        raise MissingWeights(
            f"{config.weights}: expected CLIP's {lacking} encoder in it, found none"
            f"{' there or in ' + config.clip if config.clip else ''}. Set teacher.clip to the "
            "folder of huggingface.co/laion/CLIP-ViT-H-14-laion2B-s32B-b79K."
        )
    return image, text, found.tokenizer or other.tokenizer


def _check_widths(
    weights: str, parts: ReleasedParts, image_encoder: CLIPVisionModel, text_encoder: CLIPTextModel
) -> None:
    unet = parts.unet.config
    for name, expected, found in (
        ("CLIP's image tokens", unet.ip_embedding_dim, image_encoder.config.hidden_size),
        ("CLIP's text tokens", unet.context_dim, text_encoder.config.hidden_size),
        ("the VAE's latents", unet.in_channels, parts.autoencoder.config["latent_channels"]),
    ):
        if expected != found:
            raise InvalidWeights(
                f"{weights}: the U-Net takes {name} of width {expected}, but the part that came "
                f"with it makes {found}. Give parts of one model (CLIP ViT-H/14, SD's VAE)."
            )


@torch.no_grad()
def _prompts(
    config: TeacherOrigin, encoder: CLIPTextModel, tokenizer: Path | None
) -> Float[Tensor, "p t d"]:
    """Context of the negative prompt and of the prompt, or one row where they are the same."""
    length = int(encoder.config.max_position_embeddings)
    texts = dict.fromkeys([config.negative_prompt, config.prompt])
    spoken = _tokenizer(tokenizer) if tokenizer is not None and any(texts) else None
    tokens = torch.cat([prompt_tokens(text, spoken, length) for text in texts])
    return text_tokens(encoder, tokens)


def _tokenizer(folder: Path) -> Any:
    try:
        return CLIPTokenizer.from_pretrained(folder, local_files_only=True)
    except Exception as error:  # the library's own are plain exceptions
        raise InvalidWeights(
            f"{folder}: expected CLIP's tokenizer (vocab.json, merges.txt), but it cannot be read: "
            f"{' '.join(str(error).split())}. Download it again, or leave the prompts empty."
        ) from error
