"""State dicts that came from elsewhere: their keys compared with what a module has."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from dd3g_kedro.core.errors import InvalidWeights

_LISTED = 32  # keys of a kind that an error's message names; the others are in its notes


def _listing(title: str, keys: list[str], most: int) -> str:
    if not keys:
        return ""
    more = f", and {len(keys) - most} more" if len(keys) > most else ""
    return f" {title} ({len(keys)}): {', '.join(keys[:most])}{more}."


def check_keys(
    name: str, expected: Mapping[str, torch.Size], found: Mapping[str, torch.Size]
) -> None:
    """Compare names and shapes of two state dicts.

    Raises:
        InvalidWeights: they differ; missing, surplus and misshapen keys are listed, the first 32
            of a kind in the message, all in the error's notes where there are more.
    """
    missing = sorted(set(expected) - set(found))
    surplus = sorted(set(found) - set(expected))
    misshapen = [
        f"{key} is {tuple(found[key])}, expected {tuple(expected[key])}"
        for key in sorted(set(expected) & set(found))
        if tuple(expected[key]) != tuple(found[key])
    ]
    if missing or surplus or misshapen:
        kinds = {"Missing": missing, "Surplus": surplus, "Misshapen": misshapen}
        error = InvalidWeights(
            f"{name}: expected {len(expected)} tensors, found {len(found)}."
            + "".join(_listing(title, keys, _LISTED) for title, keys in kinds.items())
            + " Give the weights that belong to the configuration, or the configuration that "
            "belongs to the weights."
        )
        for title, keys in kinds.items():
            if len(keys) > _LISTED:
                error.add_note(_listing(title, keys, len(keys)).strip())
        raise error


def load_exactly(name: str, module: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Fill a module, built on the meta device or not, with float32 weights in its own names.

    Raises:
        InvalidWeights: names or shapes do not fit; they are listed.
    """
    own = {key: value.shape for key, value in module.state_dict().items()}
    check_keys(name, own, {key: value.shape for key, value in weights.items()})
    module.load_state_dict({key: value.float() for key, value in weights.items()}, assign=True)
    module.eval()
