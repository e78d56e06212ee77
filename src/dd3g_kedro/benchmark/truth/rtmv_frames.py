"""One frame of an RTMV scene: `00000.exr` with its depth, and the camera in `00000.json`.

The EXR holds linear RGB or RGBA. Depth is the distance along the pixel's ray; it lies in the
EXR's channel `depth`, or beside it in `00000.depth.exr` or `00000.depth.npz`.
"""

from __future__ import annotations

import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from dd3g_kedro.benchmark.truth.rtmv_cameras import RtmvCamera
from dd3g_kedro.core.errors import InvalidImage
from dd3g_kedro.objects.color import srgb_from_linear
from dd3g_kedro.pictures.framing import square

_BEYOND = 1000.0  # scene units: depth outside (-1000, 1000) means that the ray hit nothing
_MAX_MEGAPIXELS = 64  # RTMV's own frames have 2.6
_DEPTH_CHANNELS = ("depth", "depth.r", "depth.z", "depth.y", "depth.v")


@dataclass(frozen=True)
class RtmvFrame:
    """A picture, its camera in the scene's frame, and the box of what it sees of the object."""

    rgba: Float[Tensor, "4 s s"]  # straight alpha, sRGB in [0, 1]
    camera_to_world: Float[np.ndarray, "4 4"]  # OpenCV axes
    intrinsics: Float[np.ndarray, "3 3"]  # in fractions of the square picture
    low: Float[np.ndarray, "3"]
    high: Float[np.ndarray, "3"]


def read_frame(stem: Path, size: int) -> RtmvFrame:
    """The frame whose files begin with `stem`, its picture padded to a square of `size` pixels.

    Ours: the alpha is the file's where depth hit something and 0 elsewhere, highlights are clipped
    at 1, and the picture is resized in display values, as all pictures are here.

    Raises:
        InvalidImage: a file is missing or damaged, sizes differ, the camera is no camera, depth
            is NaN or behind the camera, or the frame shows nothing.
    """
    camera_file, picture_file = (stem.with_name(stem.name + end) for end in (".json", ".exr"))
    camera = RtmvCamera(camera_file)
    channels = _read_exr(picture_file)
    if missing := {"r", "g", "b"} - set(channels):
        raise InvalidImage(
            f"{picture_file}: expected the channels R, G and B, found {', '.join(channels)} "
            f"without {', '.join(sorted(missing)).upper()}; render or download it again"
        )
    for name in set("rgba") & set(channels):
        _check_size(picture_file, channels[name], camera)
    depth = _read_depth(stem, channels, camera)
    hit = (depth > -_BEYOND) & (depth < _BEYOND)
    pixels = _pixels(picture_file, channels, hit)
    rotation, position = camera.camera_to_world[:3, :3], camera.camera_to_world[:3, 3]
    points = position + depth[hit][:, None] * (camera.rays()[hit] @ rotation.T)
    return RtmvFrame(
        rgba=square(torch.from_numpy(pixels), size),
        camera_to_world=camera.camera_to_world,
        intrinsics=camera.intrinsics_of_square(),
        low=points.min(axis=0),
        high=points.max(axis=0),
    )


def _read_exr(path: Path) -> dict[str, Float[np.ndarray, "h w"]]:
    """The channels by their names in lower case."""
    import OpenEXR

    if not path.is_file():
        raise InvalidImage(f"{path}: there is no such file; download it again")
    try:
        low, high = OpenEXR.File(str(path), header_only=True).header()["dataWindow"]
        if np.prod(high.astype(float) - low + 1) > _MAX_MEGAPIXELS * 1e6:
            raise InvalidImage(
                f"{path}: gigantic, its data window is {low.tolist()} to {high.tolist()} where "
                f"at most {_MAX_MEGAPIXELS} million pixels are read"
            )
        with OpenEXR.File(str(path), separate_channels=True) as file:
            channels = {
                name.lower(): np.asarray(channel.pixels, np.float32)
                for name, channel in file.channels().items()
            }
    except InvalidImage:
        raise
    except Exception as error:  # a foreign decoder on a foreign file may raise anything
        raise InvalidImage(
            f"{path}: cannot be read as OpenEXR ({type(error).__name__}: {error}); it may be "
            "damaged: download it again"
        ) from error
    if not channels:
        raise InvalidImage(f"{path}: expected an OpenEXR picture, found no channels")
    return channels


def _read_depth(
    stem: Path, channels: dict[str, Float[np.ndarray, "h w"]], camera: RtmvCamera
) -> Float[np.ndarray, "h w"]:
    npz, exr, own = (
        stem.with_name(stem.name + end) for end in (".depth.npz", ".depth.exr", ".exr")
    )
    if npz.is_file():
        source, depth = npz, _read_npz(npz)
    else:
        source = exr if exr.is_file() else own
        if source == exr:
            channels = _read_exr(exr)
        # pictures of depth alone also call it by a colour's name
        names = [*_DEPTH_CHANNELS, *(("r", "y", "z") if source == exr else ())]
        known = [name for name in names if name in channels]
        if not known:
            raise InvalidImage(
                f"{source}: expected a channel depth, found {', '.join(channels)}, and neither "
                f"{npz.name} nor {exr.name} lies beside it; download the depth too"
            )
        depth = channels[known[0]]
    _check_size(source, depth, camera)
    depth = depth.astype(np.float64)
    bad = int(np.isnan(depth).sum())
    behind = int(((depth > -_BEYOND) & (depth <= 0)).sum())
    if bad or behind:
        raise InvalidImage(
            f"{source}: expected positive distances along the rays, found {bad} NaN and {behind} "
            f"that are 0 or less of {depth.size} pixels; render or download it again"
        )
    if not (depth < _BEYOND)[depth > -_BEYOND].any():
        raise InvalidImage(
            f"{source}: the frame shows nothing, no pixel's depth is below {_BEYOND:g}; take the "
            "scene off the list"
        )
    return depth


def _read_npz(path: Path) -> Float[np.ndarray, "h w"]:
    """The first plane of the first array."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            depth = np.asarray(arrays[arrays.files[0]], np.float32)
    except (
        OSError,
        ValueError,
        TypeError,
        EOFError,
        IndexError,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        raise InvalidImage(
            f"{path}: expected an array of depths ({error}); download it again"
        ) from error
    return depth[..., 0] if depth.ndim == 3 and depth.shape[-1] else depth


def _check_size(path: Path, plane: Float[np.ndarray, "..."], camera: RtmvCamera) -> None:
    if plane.shape != (camera.height, camera.width):
        raise InvalidImage(
            f"{path}: expected {camera.width}x{camera.height} pixels as {camera.path.name} says, "
            f"got {'x'.join(map(str, reversed(plane.shape)))}; the two are of different frames"
        )


def _pixels(
    path: Path, channels: dict[str, Float[np.ndarray, "h w"]], hit: Bool[np.ndarray, "h w"]
) -> Float[np.ndarray, "4 h w"]:
    linear = np.stack([channels[name] for name in "rgb"])
    alpha = np.where(hit, channels.get("a", np.ones_like(linear[0])), 0)
    unknown = int(np.isnan(linear[:, hit]).any(axis=0).sum()) + int(np.isnan(alpha).sum())
    if unknown:
        raise InvalidImage(
            f"{path}: {unknown} pixels of the object have NaN colours; render or download it again"
        )
    if alpha.max() < 0.5:
        raise InvalidImage(
            f"{path}: the frame shows nothing, alpha is at most {alpha.max():.2f} where depth hit "
            "something; take the scene off the list"
        )
    colors = srgb_from_linear(np.where(hit, linear, 0).clip(0, 1))
    return np.concatenate([colors, alpha.clip(0, 1)[None]]).astype(np.float32)
