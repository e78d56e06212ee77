"""RTMV scenes of a known object, traced ray by ray without anything of the loader's."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import trimesh
from scipy.spatial.transform import Rotation

from dd3g_kedro.benchmark.truth.rtmv import rtmv_objects

WIDTH, HEIGHT = 96, 72
FX, FY, CX, CY = 130.0, 125.0, 47.0, 38.5  # pixels
# centre, extents and linear colour of boxes that make no two sides alike
BOXES = (
    ((0, 0, 0), (1.0, 0.5, 0.3), (0.5, 0.05, 0.02)),
    ((0.35, 0.1, 0.4), (0.2, 0.2, 0.6), (0.03, 0.4, 0.06)),
    ((-0.3, -0.35, 0.0), (0.2, 0.4, 0.2), (0.02, 0.08, 0.6)),
)
AZIMUTHS = (70.0, 115.0, 160.0, 230.0, 275.0, 310.0, 355.0)  # the first is the input's
ELEVATIONS = (10.0, 5.0, 40.0, -15.0, 25.0, 60.0, 0.0)
DISTANCE = 2.6
TARGETS = len(AZIMUTHS) - 1


@dataclass(frozen=True)
class Scene:
    """Where the object stands in the scene's world."""

    offset: tuple[float, float, float] = (5.0, -2.0, 1.5)
    scale: float = 3.7
    yaw_deg: float = 0.0
    triangles: np.ndarray = field(init=False)  # f 3 3, in the scene
    colors: np.ndarray = field(init=False)  # f 3, linear

    def __post_init__(self) -> None:
        boxes = [trimesh.creation.box(size).triangles + centre for centre, size, _ in BOXES]
        turned = np.concatenate(boxes) @ self.turn.T
        object.__setattr__(self, "triangles", turned * self.scale + self.offset)
        object.__setattr__(self, "colors", np.repeat([color for *_, color in BOXES], 12, axis=0))

    @property
    def turn(self) -> np.ndarray:
        return Rotation.from_euler("z", self.yaw_deg, degrees=True).as_matrix()

    @property
    def box(self) -> tuple[np.ndarray, float]:
        """Centre and longest side."""
        low, high = self.triangles.min((0, 1)), self.triangles.max((0, 1))
        return (low + high) / 2, float((high - low).max())

    def camera(self, view: int) -> np.ndarray:
        """Blender's matrix, camera to world: x right, y up, z backward; rolled, off the centre."""
        azimuth, elevation = AZIMUTHS[view] + self.yaw_deg, ELEVATIONS[view]
        aim = Rotation.from_euler("ZX", [azimuth + 90, 90 - elevation], degrees=True)
        own = Rotation.from_euler("ZYX", [4.0 * view, 2.0, -1.5], degrees=True)
        matrix = np.eye(4)
        centre, side = self.box
        matrix[:3, 3] = centre + aim.apply([0, 0, DISTANCE * side])
        matrix[:3, :3] = (aim * own).as_matrix()
        return matrix


def traced(scene: Scene, matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Linear RGBA and the distance along each pixel's ray; far away where nothing is hit."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    local = np.stack([(columns - CX) / FX, -(rows - CY) / FY, -np.ones_like(rows)], axis=-1)
    rays = (local / np.linalg.norm(local, axis=-1, keepdims=True)).reshape(-1, 3) @ matrix[:3, :3].T
    nearest, owner = np.full(len(rays), 1e10), np.full(len(rays), -1)
    for index, (a, b, c) in enumerate(scene.triangles):
        across = np.cross(rays, c - a)
        determinant = across @ (b - a)
        with np.errstate(divide="ignore", invalid="ignore"):
            u = across @ (matrix[:3, 3] - a) / determinant
            over = np.cross(matrix[:3, 3] - a, b - a)
            v = rays @ over / determinant
            distance = (c - a) @ over / determinant
        hit = (u >= 0) & (v >= 0) & (u + v <= 1) & (distance > 0) & (distance < nearest)
        nearest[hit], owner[hit] = distance[hit], index
    rgba = np.concatenate([scene.colors[owner], np.ones((len(rays), 1))], axis=1)
    rgba[owner < 0] = (9, 9, 9, 0)  # a bright sky that must not be seen
    return rgba.reshape(HEIGHT, WIDTH, 4), nearest.reshape(HEIGHT, WIDTH)


def write_exr(path: Path, **channels: np.ndarray) -> None:
    import OpenEXR

    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    planes = {name: np.ascontiguousarray(plane, np.float32) for name, plane in channels.items()}
    OpenEXR.File(header, planes).write(str(path))


def camera_json(matrix: np.ndarray) -> dict[str, dict]:
    eye, up, backward = matrix[:3, 3], matrix[:3, 1], matrix[:3, 2]
    look_at = {"eye": eye, "at": eye - 2 * backward, "up": up}
    return {
        "camera_data": {
            "width": WIDTH,
            "height": HEIGHT,
            "intrinsics": {"fx": FX, "fy": FY, "cx": CX, "cy": CY},
            "camera_look_at": {key: value.tolist() for key, value in look_at.items()},
            "cam2world": matrix.T.tolist(),
        },
        "objects": [],
    }


def write_scene(folder: Path, scene: Scene, depth: str = "channel") -> Path:
    """All frames; `depth` is where it lies: in a channel, an EXR or an NPZ of its own."""
    folder.mkdir(parents=True)
    for view in range(len(AZIMUTHS)):
        stem = folder / f"{view:05d}"
        matrix = scene.camera(view)
        rgba, distance = traced(scene, matrix)
        planes = {name: rgba[..., index] for index, name in enumerate("RGBA")}
        if depth == "channel":
            planes["depth"] = distance
        elif depth == "exr":
            write_exr(Path(f"{stem}.depth.exr"), R=distance, G=distance, B=distance)
        else:
            np.savez(f"{stem}.depth.npz", distance[..., None].repeat(4, axis=-1).astype("f4"))
        write_exr(Path(f"{stem}.exr"), **planes)
        write_exr(Path(f"{stem}.seg.exr"), R=distance)  # RTMV's masks, which are not read
        Path(f"{stem}.json").write_text(json.dumps(camera_json(matrix)))
    return folder


def load(scene: Path, size: int = WIDTH, targets: int = TARGETS):
    (handle,) = rtmv_objects(scene.parent, [scene.name], size, targets)
    return handle.load()


def edit(path: Path, change) -> None:
    content = json.loads(path.read_text())
    change(content["camera_data"])
    path.write_text(json.dumps(content))


def repaint(stem: Path, change) -> None:
    import OpenEXR

    with OpenEXR.File(f"{stem}.exr", separate_channels=True) as file:
        planes = {name: channel.pixels.copy() for name, channel in file.channels().items()}
    change(planes)
    write_exr(Path(f"{stem}.exr"), **planes)
