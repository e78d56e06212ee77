"""One object's Gaussians as numpy arrays: what the file formats share."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from dd3g_kedro.core.errors import InvalidGaussians
from dd3g_kedro.core.gaussians.activation import OPACITY_MARGIN, unit_quaternions
from dd3g_kedro.core.types import Gaussians


def object_arrays(gaussians: Gaussians, path: Path) -> dict[str, NDArray[np.float64]]:
    """The attributes of the one object in the batch, without the batch axis.

    Raises:
        ValueError: there is not exactly one object.
        InvalidGaussians: a value is NaN or infinite.
    """
    if len(gaussians) != 1:
        raise ValueError(
            f"{path}: expected one object, got a batch of {len(gaussians)}; "
            "write each on its own with gaussians[i : i + 1]"
        )
    arrays = {}
    for field in fields(gaussians):
        array = getattr(gaussians, field.name)[0].detach().cpu().double().numpy()
        wrong = int((~np.isfinite(array)).sum())
        if wrong:
            raise InvalidGaussians(
                f"{path}: not written, {wrong} values of {field.name} are NaN or infinite; "
                "the student's weights are broken, train it again or take another checkpoint"
            )
        arrays[field.name] = array
    return arrays


def gaussians_from_arrays(path: Path, **arrays: NDArray[np.float64]) -> Gaussians:
    """A batch of one; quaternions are brought to length 1 and opacities into (0, 1).

    Raises:
        InvalidGaussians: a value is NaN or infinite.
    """
    for name, array in arrays.items():
        broken = np.argwhere(~np.isfinite(array))
        if len(broken):
            raise InvalidGaussians(
                f"{path}: expected finite numbers, {name} of Gaussian {broken[0][0]} is "
                f"{array[tuple(broken[0])]}; the file is damaged, export it again"
            )
    tensors = {name: torch.from_numpy(array)[None] for name, array in arrays.items()}
    tensors["quaternions"] = unit_quaternions(tensors["quaternions"])
    tensors["opacities"] = tensors["opacities"].clamp(OPACITY_MARGIN, 1 - OPACITY_MARGIN)
    return Gaussians(**{name: tensor.float() for name, tensor in tensors.items()})


def read_whole(path: Path) -> bytes:
    """The bytes of a file.

    Raises:
        InvalidGaussians: it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidGaussians(
            f"{path}: expected a file of Gaussians, it cannot be read ({error.strerror}); "
            "check the path"
        ) from error
