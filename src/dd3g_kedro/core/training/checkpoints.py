"""What a training is made of at a step, kept whole, so that it goes on exactly."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from dd3g_kedro.core.errors import InvalidWeights
from dd3g_kedro.core.files import written_whole
from dd3g_kedro.core.identity import Identity

_LOG = logging.getLogger(__name__)
_FORMAT = "dd3g-kedro training checkpoint 2"
_PARTS = ("model", "average", "optimizer", "scaler")
_COUNTS = ("step", "skipped", "bad_in_a_row")


@dataclass
class TrainState:
    """All that the next step needs; saved and restored whole."""

    identity: Identity
    model: nn.Module
    average: nn.Module
    optimizer: torch.optim.Optimizer
    scaler: torch.amp.GradScaler | None  # of float16's gradients
    step: int = 0  # done
    skipped: int = 0  # of them, for want of finite gradients
    bad_in_a_row: int = 0  # just now
    reports: list[dict[str, Any]] = field(default_factory=list)  # {"step": ...} and the numbers

    def file_in(self, folder: Path) -> Path:
        """Each identity has a file of its own: another one's is neither read nor replaced."""
        return folder / f"{self.identity.name}.pt"

    def save(self, folder: Path) -> None:
        """Write the file; whole or not at all."""
        parts = {name: getattr(self, name) for name in _PARTS}
        state = {name: None if part is None else part.state_dict() for name, part in parts.items()}
        state |= {name: getattr(self, name) for name in (*_COUNTS, "reports")}
        state |= {"format": _FORMAT, "identity": self.identity.document()}
        with written_whole(self.file_in(folder)) as temporary:
            torch.save(state, temporary)

    def restore(self, folder: Path) -> bool:
        """Take up what `save` wrote; False where there is nothing of this identity.

        Raises:
            InvalidWeights: the file is cut short, or another one under its name.
        """
        path = self.file_in(folder)
        if not path.exists():
            return False
        try:
            state = torch.load(path, map_location="cpu", weights_only=True)
        except Exception as error:
            raise InvalidWeights(
                f"{path}: expected a training checkpoint, could not read it ({error}). "
                "Delete it to start this training from its beginning."
            ) from error
        found = _identity(state)
        if found != self.identity:
            other = f"one of another training ({self.identity.told_apart(found)})" if found else ""
            raise InvalidWeights(
                f"{path}: expected this training's checkpoint, {_FORMAT!r}, found "
                f"{other or 'another file'}. Delete it or move it away."
            )
        for name in _PARTS:
            if (part := getattr(self, name)) is not None and state[name] is not None:
                part.load_state_dict(state[name])
        for name in (*_COUNTS, "reports"):
            setattr(self, name, state[name])
        return True

    def tell_apart(self, folder: Path, title: str) -> None:
        """Say what is different from the training that was last kept beside this one."""
        others = sorted(folder.glob("*.pt"), key=lambda path: path.stat().st_mtime, reverse=True)
        for path in others:
            try:
                state = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
            except Exception:  # not one of ours, or damaged: whoever needs it is told then
                continue
            if other := _identity(state):
                _LOG.info(
                    "%s: starts at step 0; %s, at step %d, is kept beside it and differs: %s",
                    *(title, path.name, state["step"], self.identity.told_apart(other)),
                )
                return


def _identity(state: object) -> Identity | None:
    if not isinstance(state, dict) or state.get("format") != _FORMAT:
        return None
    return Identity.read(state.get("identity"))
