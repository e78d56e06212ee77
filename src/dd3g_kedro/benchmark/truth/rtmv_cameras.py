"""The camera of an RTMV frame, as its JSON file states it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from jaxtyping import Float

from dd3g_kedro.core.errors import InvalidImage

_TOLERANCE = 1e-3  # of a rotation, and between the two forms in which a file states its camera


class RtmvCamera:
    """The camera of a frame, checked: OpenCV axes, the scene's world, and pixels.

    Raises:
        InvalidImage: the file is missing or no JSON, or a number of the camera is missing or wrong.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.numbers = _camera_data(path)
        self.width, self.height = (round(self.number(key)) for key in ("width", "height"))
        self.fx, self.fy = (self.number(f"intrinsics.{key}") for key in ("fx", "fy"))
        middle = (("cx", self.width / 2), ("cy", self.height / 2))
        stated = self.numbers.get("intrinsics")
        self.cx, self.cy = (
            self.number(f"intrinsics.{key}") if isinstance(stated, dict) and key in stated else half
            for key, half in middle
        )
        self.camera_to_world = self._camera_to_world()

    def number(self, key: str) -> float:
        """A positive number."""
        value = float(self.array(key, ()))
        if value <= 0:
            raise InvalidImage(
                f"{self.path}: expected camera_data.{key} to be positive, got {value:g}"
            )
        return value

    def array(self, key: str, shape: tuple[int, ...]) -> Float[np.ndarray, "..."]:
        """Finite numbers of the shape; `key` has dots for nested keys."""
        value: object = self.numbers
        for part in key.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        try:
            array = np.array(value, float)
        except (TypeError, ValueError, OverflowError):
            array = np.full(shape, np.nan)
        if array.shape != shape or not np.isfinite(array).all():
            wanted = "x".join(map(str, shape)) + " finite numbers" if shape else "a finite number"
            found = "nothing" if value is None else repr(value)[:80]
            raise InvalidImage(
                f"{self.path}: expected camera_data.{key} to be {wanted}, found {found}; render "
                "or download the frame again"
            )
        return array

    def _camera_to_world(self) -> Float[np.ndarray, "4 4"]:
        """From `cam2world`, else from `camera_look_at`; where both are given they must agree."""
        told = [key for key in ("cam2world", "camera_look_at") if self.numbers.get(key) is not None]
        if not told:
            raise InvalidImage(
                f"{self.path}: expected camera_data.cam2world or camera_data.camera_look_at, "
                "found neither; render or download the frame again"
            )
        made = [self._stated() if key == "cam2world" else self._looking() for key in told]
        scale = max(1.0, float(np.abs(made[0][:3, 3]).max()))
        if any(np.abs(made[0] - other).max() > _TOLERANCE * scale for other in made[1:]):
            raise InvalidImage(
                f"{self.path}: camera_data.cam2world and camera_data.camera_look_at are different "
                "cameras; render or download the frame again"
            )
        return made[0]

    def _stated(self) -> Float[np.ndarray, "4 4"]:
        """`cam2world` is written transposed, with Blender's camera axes (y up, z backward)."""
        matrix = self.array("cam2world", (4, 4)).T
        rotation = matrix[:3, :3]
        rigid = np.allclose(rotation @ rotation.T, np.eye(3), atol=_TOLERANCE)
        if (
            not rigid
            or np.linalg.det(rotation) < 0
            or not np.allclose(matrix[3], (0, 0, 0, 1), atol=_TOLERANCE)
        ):
            raise InvalidImage(
                f"{self.path}: expected camera_data.cam2world to be a rotation and a position, "
                f"written transposed (the last column 0 0 0 1), got {matrix.T.tolist()}"
            )
        return matrix @ np.diag([1.0, -1.0, -1.0, 1.0])

    def _looking(self) -> Float[np.ndarray, "4 4"]:
        eye, at, up = (self.array(f"camera_look_at.{key}", (3,)) for key in ("eye", "at", "up"))
        forward = at - eye
        right = np.cross(forward, up)
        lengths = [float(np.linalg.norm(vector)) for vector in (forward, right)]
        if min(lengths) < 1e-9:
            raise InvalidImage(
                f"{self.path}: camera_data.camera_look_at has no direction: eye {eye.tolist()}, "
                f"at {at.tolist()}, up {up.tolist()}"
            )
        forward, right = forward / lengths[0], right / lengths[1]
        matrix = np.eye(4)
        matrix[:3, :3] = np.stack([right, np.cross(forward, right), forward], axis=1)
        matrix[:3, 3] = eye
        return matrix

    def rays(self) -> Float[np.ndarray, "h w 3"]:
        """Unit directions through the pixels' centres, in the camera's axes."""
        x = (np.arange(self.width) + 0.5 - self.cx) / self.fx
        y = (np.arange(self.height) + 0.5 - self.cy) / self.fy
        rays = np.ones((self.height, self.width, 3))
        rays[..., 0], rays[..., 1] = x[None, :], y[:, None]
        return rays / np.linalg.norm(rays, axis=-1, keepdims=True)

    def intrinsics_of_square(self) -> Float[np.ndarray, "3 3"]:
        """In fractions of the picture once `square` has padded it."""
        side = max(self.width, self.height)
        left, top = (side - self.width) // 2, (side - self.height) // 2
        return np.array(
            [
                [self.fx / side, 0, (self.cx + left) / side],
                [0, self.fy / side, (self.cy + top) / side],
                [0, 0, 1],
            ]
        )


def _camera_data(path: Path) -> dict[str, object]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidImage(
            f"{path}: cannot be read ({error.strerror}); download it again"
        ) from error
    except (ValueError, RecursionError) as error:  # also of bytes that are no UTF-8
        raise InvalidImage(f"{path}: expected JSON ({error}); download it again") from error
    found = content.get("camera_data") if isinstance(content, dict) else None
    if not isinstance(found, dict):
        raise InvalidImage(
            f"{path}: expected a camera under the key camera_data, found none; this is no frame "
            "of an RTMV scene"
        )
    return found
