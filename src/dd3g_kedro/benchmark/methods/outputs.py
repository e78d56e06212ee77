"""Outputs of any other system, so that they stand in the same table.

A folder holds, for each object of the protocol, either `<object>.ply` (Gaussians in the layout of
3D Gaussian Splatting, in this project's frame: z up, front +x, the unit box) or a folder
`<object>` with one picture a view, in the order of the protocol's views.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from dd3g_kedro.benchmark.methods.lifters import Lifted, Method
from dd3g_kedro.benchmark.truth.views import Sighting
from dd3g_kedro.core.errors import InvalidImage
from dd3g_kedro.core.objective.background import composite
from dd3g_kedro.core.types import Cameras, Gaussians
from dd3g_kedro.formats.ply import read_ply

_PLY, _PNG = ".ply", ".png"


class StoredGaussians:
    """A folder with `<object>.ply` as a lifter."""

    def __init__(self, folder: Path, device: torch.device | str = "cpu") -> None:
        self.folder = folder
        self.device = device

    def __call__(
        self,
        sighting: Sighting,
        background: Float[Tensor, "3"],  # noqa: ARG002
    ) -> Gaussians:
        """Read the object's Gaussians.

        Raises:
            FileNotFoundError: there is no such file.
            InvalidGaussians: it cannot be used.
        """
        path = self.folder / f"{sighting.object_id}{_PLY}"
        if not path.is_file():
            raise FileNotFoundError(f"{path}: expected this object's Gaussians, found no file")
        return read_ply(path).to(self.device)


class StoredPictures:
    """A folder with `<object>/000.png, 001.png, ...` as a method."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(
        self, sighting: Sighting, cameras: Cameras, size: int, background: Float[Tensor, "1 3"]
    ) -> Float[Tensor, "v 3 {size} {size}"]:
        """Read the object's pictures, sorted by name; transparent ones get the background.

        Raises:
            FileNotFoundError: there is no such folder.
            InvalidImage: pictures are too few, too many, of another size or unreadable.
        """
        folder, views = self.folder / sighting.object_id, cameras.world_to_camera.shape[1]
        if not folder.is_dir():
            raise FileNotFoundError(
                f"{folder}: expected a folder with this object's views, found none"
            )
        paths = sorted(path for path in folder.iterdir() if path.suffix.lower() == _PNG)
        if len(paths) != views:
            raise InvalidImage(
                f"{folder}: expected {views} pictures (*{_PNG}), one for each view of the "
                f"protocol in its order, found {len(paths)}"
            )
        pictures = torch.stack([_read(path, size) for path in paths])
        return composite(pictures, background.expand(views, 3))


def stored_outputs(folder: Path, device: torch.device | str = "cpu") -> Method:
    """The method whose outputs lie in the folder, of whichever kind they are.

    Raises:
        ValueError: there is no such folder, or it holds neither kind, or both.
    """
    if not folder.is_dir():
        raise ValueError(f"evaluate.outputs: {folder} is no folder; correct its path")
    gaussians = any(path.is_file() for path in folder.rglob(f"*{_PLY}"))
    pictures = any(path.is_file() for path in folder.rglob(f"*{_PNG}"))
    if gaussians == pictures:
        found = "both kinds" if gaussians else "neither"
        raise ValueError(
            f"evaluate.outputs: {folder} must hold <object>{_PLY} or <object>/000{_PNG}, "
            f"001{_PNG} ..., found {found}"
        )
    return Lifted(StoredGaussians(folder, device)) if gaussians else StoredPictures(folder)


def _read(path: Path, size: int) -> Float[Tensor, "4 {size} {size}"]:
    try:
        with Image.open(path, formats=["PNG"]) as picture:
            found = picture.size
            pixels = np.array(picture.convert("RGBA")) if found == (size, size) else None
    except (OSError, SyntaxError, ValueError) as error:
        raise InvalidImage(f"{path}: expected a PNG, cannot be read ({error})") from error
    if pixels is None:
        raise InvalidImage(
            f"{path}: expected {size}x{size} pixels, the protocol's size, got "
            f"{found[0]}x{found[1]}; render it at that size"
        )
    return torch.from_numpy(pixels).permute(2, 0, 1).float() / 255
