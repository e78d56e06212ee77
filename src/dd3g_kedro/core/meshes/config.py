"""How meshes are lit, made and collected; standard library only, Kedro reads it at its start."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Lighting:
    """One soft light, fixed in the world: ambient + key (1 + n.d) / 2 times the colour.

    Ours: in sRGB values and close to one, so that shapes read well and colours stay the albedo.
    """

    ambient: float = 0.62
    key: float = 0.46
    direction: tuple[float, float, float] = (0.55, -0.35, 0.76)  # towards the light, world frame

    def __post_init__(self) -> None:
        object.__setattr__(self, "direction", tuple(self.direction))
        if self.ambient < 0 or self.key < 0:
            raise ValueError(
                "lighting.ambient and lighting.key must not be negative, "
                f"got {self.ambient} and {self.key}"
            )
        if len(self.direction) != 3 or math.hypot(*self.direction) == 0:
            raise ValueError(
                f"lighting.direction must be three numbers, not all zero, got {self.direction}"
            )


UNLIT = Lighting(ambient=1.0, key=0.0)
