"""A teacher as a folder: diffusers' layout, safetensors only, with a fingerprint."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import torch
from diffusers import AutoencoderKL, DDIMScheduler
from diffusers.utils import logging as diffusers_logging
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from transformers import CLIPVisionModel
from transformers.utils import logging as transformers_logging

from dd3g_kedro.core.config_building import build, plain
from dd3g_kedro.core.errors import InvalidWeights, MissingWeights
from dd3g_kedro.core.files import written_whole
from dd3g_kedro.core.teacher.config import TeacherConfig
from dd3g_kedro.core.teacher.state_dicts import load_exactly
from dd3g_kedro.core.teacher.teacher import Teacher
from dd3g_kedro.core.teacher.unet import MultiViewUNet

for _library in (diffusers_logging, transformers_logging):  # bars of milliseconds, idle warnings
    _library.disable_progress_bar()
diffusers_logging.set_verbosity_error()

_FORMAT = "dd3g-kedro teacher 1"
_UNET = "unet/diffusion_pytorch_model.safetensors"
_IMAGENET = "imagenet_tokens.safetensors"  # where the configuration has some


def fingerprint(folder: Path) -> str:
    """SHA-256 over the names and bytes of all files: the teacher that made a quadruple."""
    digest = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0")
        with path.open("rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()


def save_teacher(teacher: Teacher, folder: Path, dtype: torch.dtype = torch.float16) -> None:
    """Write the folder, whole or not at all. Weights are stored as `dtype`."""
    with written_whole(folder) as temporary:
        (temporary / "unet").mkdir(parents=True)
        head = {"format": _FORMAT, "teacher": plain(teacher.config)}
        (temporary / "teacher.json").write_text(json.dumps(head, indent=2, sort_keys=True) + "\n")
        state = {
            name: tensor.to(dtype).contiguous()
            for name, tensor in teacher.unet.state_dict().items()
        }
        save_file(state, temporary / _UNET)
        save_file({"text_tokens": teacher.text_tokens.cpu()}, temporary / "text.safetensors")
        if teacher.imagenet is not None:
            beside = teacher.imagenet.state_dict()
            save_file(
                {name: tensor.to(dtype).contiguous() for name, tensor in beside.items()},
                temporary / _IMAGENET,
            )
        teacher.schedule.save_pretrained(temporary / "scheduler")
        for name in ("autoencoder", "image_encoder"):
            module = getattr(teacher, name)
            kept = next(module.parameters()).dtype
            module.to(dtype).save_pretrained(temporary / name, safe_serialization=True)
            module.to(kept)
        _forget_origins(temporary)
    teacher.fingerprint = fingerprint(folder)


def load_autoencoder(folder: Path) -> AutoencoderKL:
    """Read a VAE alone, as float32 on the CPU."""
    return AutoencoderKL.from_pretrained(folder, torch_dtype=torch.float32)


def _forget_origins(folder: Path) -> None:
    """Drop the place that a part was read from: the same teacher has the same bytes anywhere."""
    for path in folder.glob("*/*config.json"):
        config = json.loads(path.read_text())
        config.pop("_name_or_path", None)
        path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")


def load_teacher(folder: Path) -> Teacher:
    """Read what `save_teacher` wrote, as float32 on the CPU, ready to be asked.

    Raises:
        MissingWeights: there is no such folder, or its pretrained features are not installed.
        InvalidWeights: it is not a teacher of this project, or a file of it is damaged.
    """
    head_path = folder / "teacher.json"
    if not head_path.is_file():
        raise MissingWeights(
            f"{folder}: expected a teacher's folder with teacher.json, found none. Run `dvc pull` "
            "for the shipped mini teacher, or `kedro run --pipelines=teacher` to make one."
        )
    try:
        head = json.loads(head_path.read_text())
        if head.get("format") != _FORMAT:
            raise InvalidWeights(
                f"{head_path}: expected format {_FORMAT!r}, found {head.get('format')!r}. "
                "It was written by another version; make or pull the teacher again."
            )
        config = build(TeacherConfig, head["teacher"], "teacher")
        with torch.device("meta"):
            unet = MultiViewUNet(config.unet)
        load_exactly(str(folder / _UNET), unet, load_file(folder / _UNET))
        teacher = Teacher(
            config,
            unet,
            load_autoencoder(folder / "autoencoder"),
            CLIPVisionModel.from_pretrained(folder / "image_encoder", dtype=torch.float32),
            DDIMScheduler.from_pretrained(folder / "scheduler"),
            load_file(folder / "text.safetensors")["text_tokens"],
        )
        if teacher.imagenet is not None:
            state = load_file(folder / _IMAGENET)
            load_exactly(str(folder / _IMAGENET), teacher.imagenet, state)
    except (SafetensorError, OSError, RuntimeError, KeyError, ValueError) as error:
        raise InvalidWeights(
            f"{folder}: expected a whole teacher, but a part of it cannot be read: {error} "
            "Run `dvc pull` or make the teacher again."
        ) from error
    teacher.fingerprint = fingerprint(folder)
    return teacher.requires_grad_(requires_grad=False).eval()
