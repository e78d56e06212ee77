"""Checkpoints from which a run goes on exactly."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import nn

from dd3g_kedro.core.errors import InvalidWeights
from dd3g_kedro.core.files import written_whole
from dd3g_kedro.core.training.config import Optimization

_FORMAT = "dd3g-kedro training checkpoint 1"
_FREE = ("log_every", "picture_every", "checkpoint_every", "compile", "processes")  # on resume


def _fingerprint(config: Optimization, model: nn.Module, data: str) -> str:
    fixed = {key: value for key, value in asdict(config).items() if key not in _FREE}
    shapes = {name: list(tensor.shape) for name, tensor in model.state_dict().items()}
    return hashlib.sha256(json.dumps([fixed, shapes, data], sort_keys=True).encode()).hexdigest()


def save_checkpoint(
    path: Path,
    counts: tuple[int, int],
    model: nn.Module,
    average: nn.Module,
    optimizer: Any,
    config: Optimization,
    data: str,
) -> None:
    """Write what the next step needs; whole or not at all. `counts`: steps done, steps skipped."""
    state = {
        "format": _FORMAT,
        "fingerprint": _fingerprint(config, model, data),
        "step": counts[0],
        "finished": counts[0] >= config.steps,
        "skipped": counts[1],
        "model": model.state_dict(),
        "average": average.state_dict(),
        "optimizer": optimizer.state_dict(),
    }
    with written_whole(path) as temporary:
        torch.save(state, temporary)


def load_checkpoint(
    path: Path,
    model: nn.Module,
    average: nn.Module,
    optimizer: Any,
    config: Optimization,
    data: str,
) -> tuple[int, int]:
    """Restore what `save_checkpoint` wrote; return (next step, steps skipped).

    Raises:
        InvalidWeights: the file is cut short, of another format, or of another configuration.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise InvalidWeights(
            f"{path}: expected a training checkpoint, could not read it ({error}). "
            "Delete it to start this training from its beginning."
        ) from error
    if not isinstance(state, dict) or state.get("format") != _FORMAT:
        raise InvalidWeights(
            f"{path}: expected {_FORMAT!r}, found another file. Delete it or move it away."
        )
    if state["fingerprint"] != _fingerprint(config, model, data):
        if state["finished"]:
            return 0, 0  # of an earlier training that has ended; this is another one
        raise InvalidWeights(
            f"{path}: it belongs to a training with other parameters, network or data (interrupted "
            f"at step {state['step']}). Restore them to go on, or delete the file to "
            "start anew."
        )
    model.load_state_dict(state["model"])
    average.load_state_dict(state["average"])
    optimizer.load_state_dict(state["optimizer"])
    return int(state["step"]), int(state["skipped"])
