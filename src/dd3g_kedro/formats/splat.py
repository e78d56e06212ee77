"""The .splat layout of web viewers (antimatter15/splat): 32 bytes a Gaussian, little endian.

3 float32 position, 3 float32 scale (linear), 4 bytes RGBA, 4 bytes quaternion (w x y z, 128 q +
128). The largest and most opaque come first, so that a viewer can start before it has everything.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dd3g_kedro.core.errors import InvalidGaussians
from dd3g_kedro.core.files import written_whole
from dd3g_kedro.core.types import Gaussians
from dd3g_kedro.formats.arrays import gaussians_from_arrays, object_arrays, read_whole

RECORD = np.dtype(
    [("position", "<f4", 3), ("scale", "<f4", 3), ("rgba", "u1", 4), ("quaternion", "u1", 4)]
)


def _bytes(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return values.round().clip(0, 255)


def write_splat(gaussians: Gaussians, path: str | Path) -> None:
    """Write one object, sorted by volume times opacity, whole or not at all.

    Raises:
        ValueError: there is not exactly one object.
        InvalidGaussians: a value is NaN or infinite.
    """
    arrays = object_arrays(gaussians, Path(path))
    importance = arrays["log_scales"].sum(axis=-1) + np.log(arrays["opacities"].clip(1e-12))
    order = np.argsort(-importance, kind="stable")
    records = np.empty(len(order), RECORD)
    records["position"] = arrays["means"][order]
    records["scale"] = np.exp(arrays["log_scales"][order])
    records["rgba"][:, :3] = _bytes(255 * arrays["colors"][order])
    records["rgba"][:, 3] = _bytes(255 * arrays["opacities"][order])
    records["quaternion"] = _bytes(128 * arrays["quaternions"][order] + 128)
    with written_whole(path) as temporary:
        temporary.write_bytes(records.tobytes())


def read_splat(path: str | Path) -> Gaussians:
    """Read one object, as a batch of one, in the order of the file.

    Raises:
        InvalidGaussians: the size is no multiple of 32 bytes, or a scale is not positive.
    """
    path = Path(path)
    content = read_whole(path)
    if len(content) % RECORD.itemsize:
        raise InvalidGaussians(
            f"{path}: expected 32 bytes a Gaussian, found {len(content)} bytes, "
            f"{len(content) % RECORD.itemsize} too many; the file is cut short or no .splat"
        )
    records = np.frombuffer(content, RECORD)
    scales = records["scale"].astype(np.float64)
    if not (scales > 0).all():
        raise InvalidGaussians(
            f"{path}: expected positive scales, found {scales.min()}; the file is damaged"
        )
    return gaussians_from_arrays(
        path,
        means=records["position"].astype(np.float64),
        log_scales=np.log(scales),
        quaternions=(records["quaternion"].astype(np.float64) - 128) / 128,
        colors=records["rgba"][:, :3] / 255,
        opacities=records["rgba"][:, 3] / 255,
    )
