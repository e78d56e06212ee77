"""The PLY layout of 3D Gaussian Splatting, which viewers and editors read.

Binary little endian, one vertex a Gaussian, 17 float32 each: x y z, nx ny nz (zeros), f_dc_0..2
(spherical harmonics of degree 0, (rgb - 0.5) / 0.28209479), opacity (logit), scale_0..2 (natural
log), rot_0..3 (w x y z). World frame as in `core.geometry`, z up. A comment names the mode of
drawing where it is not the classic one; the numbers are the same.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dd3g_kedro.core.errors import InvalidGaussians
from dd3g_kedro.core.files import written_whole
from dd3g_kedro.core.gaussians.activation import OPACITY_MARGIN
from dd3g_kedro.core.types import AntialiasedGaussians, Gaussians
from dd3g_kedro.formats.arrays import gaussians_from_arrays, object_arrays, read_whole

SH_DEGREE_0 = 0.28209479177387814  # 1 / (2 sqrt(pi))
POSITION = ("x", "y", "z")
NORMAL = ("nx", "ny", "nz")
COLOR = ("f_dc_0", "f_dc_1", "f_dc_2")
SCALE = ("scale_0", "scale_1", "scale_2")
ROTATION = ("rot_0", "rot_1", "rot_2", "rot_3")
PROPERTIES = (*POSITION, *NORMAL, *COLOR, "opacity", *SCALE, *ROTATION)
_MEANT = "expected a binary little-endian PLY of 3D Gaussian Splatting"
_END = b"end_header\n"
_ANTIALIASED = "comment rasterize_mode antialiased"


def write_ply(gaussians: Gaussians, path: str | Path) -> None:
    """Write one object in the 3DGS layout, whole or not at all.

    Raises:
        ValueError: there is not exactly one object.
        InvalidGaussians: a value is NaN or infinite.
    """
    arrays = object_arrays(gaussians, Path(path))
    alpha = arrays["opacities"].clip(OPACITY_MARGIN, 1 - OPACITY_MARGIN)
    count = len(alpha)
    rows = np.empty((count, len(PROPERTIES)), "<f4")
    rows[:, 0:3] = arrays["means"]
    rows[:, 3:6] = 0
    rows[:, 6:9] = (arrays["colors"] - 0.5) / SH_DEGREE_0
    rows[:, 9] = np.log(alpha / (1 - alpha))
    rows[:, 10:13] = arrays["log_scales"]
    rows[:, 13:17] = arrays["quaternions"]
    header = ["ply", "format binary_little_endian 1.0"]
    header += [_ANTIALIASED] if gaussians.antialiased else []
    header += [f"element vertex {count}"]
    header += [f"property float {name}" for name in PROPERTIES]
    with written_whole(path) as temporary, temporary.open("wb") as stream:
        stream.write("\n".join(header).encode() + b"\n" + _END)
        stream.write(rows.tobytes())


def read_ply(path: str | Path) -> Gaussians:
    """Read one object in the 3DGS layout, as a batch of one; properties may stand in any order.

    Raises:
        InvalidGaussians: it is no such file, is cut short, or has colours that depend on the view.
    """
    path = Path(path)
    content = read_whole(path)
    names, count, start = _header(content, path)
    expected, found = 4 * len(names) * count, len(content) - start
    if expected != found:
        raise InvalidGaussians(
            f"{path}: the header announces {count} Gaussians of {4 * len(names)} bytes, "
            f"expected {expected} bytes after it, found {found}; "
            "the file is cut short or damaged, export it again"
        )
    rows = np.frombuffer(content, "<f4", offset=start).reshape(count, len(names))
    columns = {name: rows[:, place].astype(np.float64) for place, name in enumerate(names)}
    _check_columns(columns, path)

    def stack(group: tuple[str, ...]) -> NDArray[np.float64]:
        return np.stack([columns[name] for name in group], axis=-1)

    with np.errstate(over="ignore"):
        opacities = 1 / (1 + np.exp(-columns["opacity"]))
    gaussians = gaussians_from_arrays(
        path,
        means=stack(POSITION),
        log_scales=stack(SCALE),
        quaternions=stack(ROTATION),
        colors=(stack(COLOR) * SH_DEGREE_0 + 0.5).clip(0, 1),
        opacities=opacities,
    )
    antialiased = f"\n{_ANTIALIASED}\n".encode() in content[:start]
    return AntialiasedGaussians(**vars(gaussians)) if antialiased else gaussians


def _header(content: bytes, path: Path) -> tuple[list[str], int, int]:
    """Names of the properties, number of vertices, and where the data starts."""
    end = content.find(_END, 0, 1 << 16)
    if not content.startswith(b"ply\n") or end < 0:
        raise InvalidGaussians(
            f"{path}: {_MEANT}, found no such header (it starts with {content[:16]!r}); "
            "export the object in that format"
        )
    lines = content[:end].decode("ascii", errors="replace").splitlines()[1:]
    lines = [line.strip() for line in lines if line.split(" ")[0] not in ("comment", "obj_info")]
    elements = [line for line in lines if line.startswith("element ")]
    properties = [line.split() for line in lines if line.startswith("property ")]
    sound = (
        lines[:1] == ["format binary_little_endian 1.0"]
        and len(elements) == 1
        and elements[0].startswith("element vertex ")
        and elements[0].split()[-1].isdigit()
        and len(lines) == 2 + len(properties)
    )
    if not sound:
        raise InvalidGaussians(
            f"{path}: {_MEANT} with the one element vertex, found {lines[:1] + elements}; "
            "export the object in that format"
        )
    strange = [" ".join(line) for line in properties if line[1:-1] not in (["float"], ["float32"])]
    if strange:
        raise InvalidGaussians(
            f"{path}: expected properties of type float, found {strange[0]!r}; export it again"
        )
    return [line[-1] for line in properties], int(elements[0].split()[-1]), end + len(_END)


def _check_columns(columns: dict[str, NDArray[np.float64]], path: Path) -> None:
    missing = [name for name in PROPERTIES if name not in columns and name not in NORMAL]
    if missing:
        raise InvalidGaussians(
            f"{path}: expected the properties of 3D Gaussian Splatting, missing {missing}; "
            "is this a point cloud or a mesh? Export Gaussians"
        )
    rest = [name for name, column in columns.items() if name.startswith("f_rest_") and column.any()]
    if rest:
        raise InvalidGaussians(
            f"{path}: expected one colour a Gaussian, found {len(rest)} view-dependent "
            "coefficients (f_rest_*); export with spherical harmonics of degree 0"
        )
