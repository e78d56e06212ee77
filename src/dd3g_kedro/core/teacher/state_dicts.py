"""State dicts that came from elsewhere: their keys compared with what a module has."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from dd3g_kedro.core.errors import InvalidWeights

_LISTED = 32  # keys named in an error before the rest is counted


def _listing(title: str, keys: list[str]) -> str:
    if not keys:
        return ""
    more = f", and {len(keys) - _LISTED} more" if len(keys) > _LISTED else ""
    return f" {title} ({len(keys)}): {', '.join(keys[:_LISTED])}{more}."


def check_keys(
    name: str, expected: Mapping[str, torch.Size], found: Mapping[str, torch.Size]
) -> None:
    """Compare names and shapes of two state dicts.

    Raises:
        InvalidWeights: they differ; missing, surplus and misshapen keys are listed (the first 32 of
            a kind by name).
    """
    missing = sorted(set(expected) - set(found))
    surplus = sorted(set(found) - set(expected))
    misshapen = [
        f"{key} is {tuple(found[key])}, expected {tuple(expected[key])}"
        for key in sorted(set(expected) & set(found))
        if tuple(expected[key]) != tuple(found[key])
    ]
    if missing or surplus or misshapen:
        raise InvalidWeights(
            f"{name}: expected {len(expected)} tensors, found {len(found)}."
            + _listing("Missing", missing)
            + _listing("Surplus", surplus)
            + _listing("Misshapen", misshapen)
            + " Give the weights that belong to the configuration, or the configuration that "
            "belongs to the weights."
        )


def load_exactly(name: str, module: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Fill a module, built on the meta device or not, with float32 weights in its own names.

    Raises:
        InvalidWeights: names or shapes do not fit; the first of each kind are listed.
    """
    own = {key: value.shape for key, value in module.state_dict().items()}
    check_keys(name, own, {key: value.shape for key, value in weights.items()})
    module.load_state_dict({key: value.float() for key, value in weights.items()}, assign=True)
    module.eval()
