"""ImageDream's two released forms, read into the parts of a teacher without running their code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from torch import Tensor

from dd3g_kedro.core.errors import InvalidWeights, MissingWeights
from dd3g_kedro.core.teacher.schedule import released_schedule
from dd3g_kedro.core.teacher.state_dicts import check_keys, load_exactly
from dd3g_kedro.core.teacher.unet import MultiViewUNet
from dd3g_kedro.released.autoencoder import (
    LATENT_SCALE,
    RELEASED_AUTOENCODER,
    autoencoder_from_original,
)
from dd3g_kedro.released.checkpoints import (
    GET_RELEASED,
    RELEASED_FILE,
    find_tensors,
    read_json,
    read_tensors,
)
from dd3g_kedro.released.clip_files import (
    ORIGINAL_PREFIX,
    ClipEncoders,
    clip_from_diffusers,
    clip_from_original,
)
from dd3g_kedro.released.imagedream import unet_from_original

_UNET, _VAE = "model.diffusion_model.", "vae_model."
_STEM, _INDEX = "diffusion_pytorch_model", "model_index.json"
_SCHEDULE_BUFFERS = frozenset(
    {
        "betas",
        "alphas_cumprod",
        "alphas_cumprod_prev",
        "sqrt_alphas_cumprod",
        "sqrt_one_minus_alphas_cumprod",
        "log_one_minus_alphas_cumprod",
        "sqrt_recip_alphas_cumprod",
        "sqrt_recipm1_alphas_cumprod",
        "posterior_variance",
        "posterior_log_variance_clipped",
        "posterior_mean_coef1",
        "posterior_mean_coef2",
    }
)
# of steps that ImageDream does not take
_UNUSED = {"clip_sample_range", "dynamic_thresholding_ratio", "sample_max_value"}


@dataclass(frozen=True)
class ReleasedParts:
    """What a released checkpoint holds, in float32 on the CPU."""

    unet: MultiViewUNet
    autoencoder: AutoencoderKL
    schedule: DDIMScheduler
    clip: ClipEncoders  # its parts are None where the checkpoint has none


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """What the original file does not say of itself; None stands for the released sizes."""

    unet: Mapping[str, Any] | None = None  # keys as in `unet/config.json`
    autoencoder: Mapping[str, Any] | None = None  # LDM's `ddconfig`
    clip: Mapping[str, Any] | None = None  # OpenCLIP's configuration


def load_released(path: Path, architecture: Architecture | None = None) -> ReleasedParts:
    """Read the original `.pt` file or the diffusers folder; float16 weights become float32.

    Args:
        path: file or folder; also a folder with the original file in it.
        architecture: of the original file; a folder describes itself.

    Raises:
        MissingWeights: nothing is there.
        InvalidWeights: cut short, of another model, with missing or surplus or misshapen tensors,
            a web page, code, ...
    """
    if path.is_dir() and not (path / _INDEX).is_file() and (path / RELEASED_FILE).is_file():
        path = path / RELEASED_FILE
    if path.is_dir():
        return _from_folder(path)
    if not path.exists():
        raise MissingWeights(
            f"{path}: expected ImageDream's {RELEASED_FILE} or its diffusers folder, found "
            f"nothing. {GET_RELEASED}"
        )
    return parts_from_original(read_tensors(path), str(path), architecture)


def parts_from_original(
    tensors: Mapping[str, Tensor], name: str, architecture: Architecture | None = None
) -> ReleasedParts:
    """Sort the tensors of the original file into the teacher's parts.

    Raises:
        InvalidWeights: as `load_released`; the message starts with `name`.
    """
    sizes = architecture or Architecture()
    groups: dict[str, dict[str, Tensor]] = {_UNET: {}, _VAE: {}, ORIGINAL_PREFIX: {}}
    surplus = {}
    for key, tensor in tensors.items():
        prefix = next((p for p in groups if key.startswith(p)), None)
        if prefix is not None:
            groups[prefix][key.removeprefix(prefix)] = tensor
        elif key not in _SCHEDULE_BUFFERS:
            surplus[key] = tensor
    unet, autoencoder, clip = groups.values()
    _refuse_other_models(name, unet, surplus)
    check_keys(f"{name}, outside its parts", {}, {k: v.shape for k, v in surplus.items()})
    try:
        return ReleasedParts(
            unet_from_original(sizes.unet or {}, unet),
            autoencoder_from_original(sizes.autoencoder or RELEASED_AUTOENCODER, autoencoder),
            released_schedule(),
            clip_from_original(clip, "its CLIP", sizes.clip) if clip else ClipEncoders(),
        )
    except InvalidWeights as error:
        raise InvalidWeights(f"{name}: {error}") from error


def _refuse_other_models(
    name: str, unet: Mapping[str, Tensor], surplus: Mapping[str, Tensor]
) -> None:
    """Say which other model a file is, where that can be told."""
    found = None
    if not unet:
        found = "no U-Net in ImageDream's names (model.diffusion_model.*)"
        if any(key.startswith(("down_blocks.", "conv_in.")) for key in surplus):
            found = "a U-Net in diffusers' names"
    elif any(key.startswith("label_emb.") for key in unet):
        found = "Stable Diffusion XL, or another model with a vector embedding"
    elif not any(key.startswith("image_embed.") for key in unet):
        found = _model_without_image_tokens(unet)
    if found:
        raise InvalidWeights(
            f"{name}: expected ImageDream with image tokens ({RELEASED_FILE}), found {found}. "
            f"{GET_RELEASED}"
        )


def _model_without_image_tokens(unet: Mapping[str, Tensor]) -> str:
    if any(key.startswith("camera_embed.") for key in unet):
        return "plain MVDream: it takes cameras, but no image tokens"
    widths = [v.shape[1] for k, v in unet.items() if k.endswith("attn2.to_k.weight")]
    version = {768: " 1", 1024: " 2"}.get(widths[0] if widths else 0, "")
    return f"Stable Diffusion{version}: it takes neither cameras nor image tokens"


def _from_folder(folder: Path) -> ReleasedParts:
    if not (folder / _INDEX).is_file():
        raise InvalidWeights(
            f"{folder}: expected the diffusers folder of ImageDream with model_index.json, found "
            f"{sorted(p.name for p in folder.iterdir())[:8]}. Give the folder that holds unet/, "
            f"vae/, image_encoder/ and text_encoder/. {GET_RELEASED}"
        )
    read_json(folder / _INDEX)
    return ReleasedParts(
        _unet_from_folder(folder / "unet"),
        _autoencoder_from_folder(folder / "vae"),
        _schedule_from_folder(folder / "scheduler"),
        clip_from_diffusers(folder),
    )


def _unet_from_folder(folder: Path) -> MultiViewUNet:
    config = read_json(folder / "config.json")
    if config.get("_class_name") != "MultiViewUNetModel":
        raise InvalidWeights(
            f"{folder / 'config.json'}: expected a MultiViewUNetModel, found "
            f"{config.get('_class_name')}: this is another model's folder. {GET_RELEASED}"
        )
    tensors = find_tensors(folder, _STEM)
    _refuse_other_models(str(folder), tensors, {})
    try:
        return unet_from_original(config, tensors)
    except (InvalidWeights, ValueError) as error:
        raise InvalidWeights(f"{folder}: {error}") from error


def _schedule_from_folder(folder: Path) -> DDIMScheduler:
    path, released = folder / "scheduler_config.json", released_schedule().config
    try:
        schedule = DDIMScheduler.from_config(read_json(path))
    except (TypeError, ValueError, RuntimeError) as error:
        raise InvalidWeights(
            f"{path}: expected a DDIMScheduler's configuration, but none can be built from it: "
            f"{error}. {GET_RELEASED}"
        ) from error
    used = {key for key in released if not key.startswith("_")} - _UNUSED
    differing = sorted(key for key in used if schedule.config[key] != released[key])
    if differing:
        expected, found = (
            ", ".join(f"{key} {config[key]!r}" for key in differing)
            for config in (released, schedule.config)
        )
        raise InvalidWeights(
            f"{path}: expected ImageDream's schedule with {expected}, found {found}: it is another "
            f"model's, or damaged. {GET_RELEASED}"
        )
    return schedule


def _autoencoder_from_folder(folder: Path) -> AutoencoderKL:
    config = read_json(folder / "config.json")
    try:
        with torch.device("meta"):
            autoencoder = AutoencoderKL.from_config(config)
    except (ArithmeticError, TypeError, ValueError, RuntimeError, LookupError) as error:
        raise InvalidWeights(
            f"{folder / 'config.json'}: expected an AutoencoderKL's configuration, but none can be "
            f"built from it: {error}. {GET_RELEASED}"
        ) from error
    if autoencoder.config["scaling_factor"] != LATENT_SCALE:
        raise InvalidWeights(
            f"{folder / 'config.json'}: expected scaling_factor {LATENT_SCALE}, as ImageDream's, "
            f"found {autoencoder.config['scaling_factor']}. {GET_RELEASED}"
        )
    load_exactly(f"{folder}: VAE weights", autoencoder, find_tensors(folder, _STEM))
    return autoencoder
