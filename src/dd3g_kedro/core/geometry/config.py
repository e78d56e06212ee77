"""What all cameras share."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class CameraRig:
    """What all cameras share. Ours: LGM's values, the paper states neither (Sec. IV-A)."""

    radius: float = 1.5  # distance to the origin, in box sides
    fov_deg: float = 49.1  # vertical and horizontal, images are square

    def __post_init__(self) -> None:
        if self.radius <= 0.9:
            raise ValueError(
                "rig.radius must exceed 0.9 so that no camera stands in the unit box, "
                f"got {self.radius}"
            )
        if not 0 < self.fov_deg < 170:
            raise ValueError(f"rig.fov_deg must lie in (0, 170), got {self.fov_deg}")
