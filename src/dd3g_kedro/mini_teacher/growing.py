"""A trained mini teacher in a larger network, which at first computes what the small one did."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from dd3g_kedro.core.teacher.teacher import Teacher
from dd3g_kedro.mini_teacher.config import MiniTeacherConfig
from dd3g_kedro.mini_teacher.model import build_mini_teacher

_ENDS = ("attn1.to_out.0", "attn2.to_out.0", "ff.net.2")  # of a transformer block's branches
_ENTRANCE = "network.conv_in.weight"


def grown(present: Teacher, config: MiniTeacherConfig, seed: int) -> Teacher:
    """`present` with what `config` has beyond it: blocks, rays, pretrained features (Ours).

    What is new ends in zeros, so that the function stays until it is trained. New weights follow
    from the seed.

    Raises:
        ValueError: a part of the present teacher has another size there, or no place.
    """
    teacher = build_mini_teacher(config, seed)
    unet = _grown(present.unet.state_dict(), teacher.unet.state_dict())
    teacher.unet.load_state_dict(unet)
    for name in ("autoencoder", "image_encoder", "imagenet"):
        here, there = getattr(present, name), getattr(teacher, name)
        if here is None:
            continue
        if there is None or _sizes(here) != _sizes(there):
            raise ValueError(
                f"mini_teacher: expected the {name} of the present teacher, which "
                "teacher_training.go_on starts from, got another; keep its sizes, or set go_on to "
                "false"
            )
        setattr(teacher, name, here)
    teacher.text_tokens.copy_(present.text_tokens)
    teacher.fingerprint = present.fingerprint  # where it comes from, until it is saved
    return teacher


def _sizes(module: torch.nn.Module) -> dict[str, torch.Size]:
    return {name: tensor.shape for name, tensor in module.state_dict().items()}


def _grown(old: Mapping[str, Tensor], new: Mapping[str, Tensor]) -> dict[str, Tensor]:
    if lost := sorted(set(old) - set(new)):
        raise ValueError(
            f"mini_teacher.unet has no place for {lost[0]} and {len(lost) - 1} more tensors of the "
            "present teacher, which teacher_training.go_on starts from; it may only grow"
        )
    state = {}
    for name, made in new.items():
        known = old.get(name)
        if known is None:
            ends = any(f"{end}." in name for end in _ENDS)
            state[name] = torch.zeros_like(made) if ends else made
        elif known.shape == made.shape:
            state[name] = known
        else:
            state[name] = _with_more_channels(name, known, made)
    return state


def _with_more_channels(name: str, known: Tensor, made: Tensor) -> Tensor:
    surplus = made.shape[1] - known.shape[1] if made.ndim == known.ndim == 4 else -1
    if name != _ENTRANCE or surplus < 0:
        raise ValueError(
            f"mini_teacher.unet: expected {name} of the present teacher's shape "
            f"{list(known.shape)}, got {list(made.shape)}; depth and rays may grow, widths may not"
        )
    return torch.cat([known, known.new_zeros(len(known), surplus, *known.shape[2:])], dim=1)
