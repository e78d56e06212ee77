"""Where an untrained student puts its Gaussians, and which shapes they may take (Ours)."""

from __future__ import annotations

from dataclasses import dataclass

from dd3g_kedro.core.config_building import build_fields
from dd3g_kedro.core.student.checks import require, require_positive


@dataclass(frozen=True, kw_only=True)
class InitialCloud:
    """Ours: what an untrained student predicts, a ball of small grey blobs."""

    radius: float = 0.4  # box sides
    log_scale: float = -4.75  # natural; about one pixel of a 128 px picture
    opacity: float = 0.2  # low enough that gradients reach the Gaussians inside
    scattered: bool = False  # each token's at places of their own, not all tokens' at the same

    def __post_init__(self) -> None:
        build_fields(self, "initial")
        require(self.radius > 0, f"initial.radius must be positive, got {self.radius}")
        require(
            -9 < self.log_scale < -3,
            f"initial.log_scale must lie in (-9, -3), got {self.log_scale}",
        )
        require(0 < self.opacity < 1, f"initial.opacity must lie in (0, 1), got {self.opacity}")


@dataclass(frozen=True, kw_only=True)
class BoundedShape:
    """Ours: one size a Gaussian, its axes within a factor of it; a small student grows needles."""

    log_scale: tuple[float, float]  # natural, of the size
    log_ratio: float  # an axis is at most e to this longer or shorter than the size

    def __post_init__(self) -> None:
        build_fields(self, "shape")
        low, high = self.log_scale
        require(low < high, f"shape.log_scale must rise, got {low:g} and {high:g}")
        require_positive(self, "shape", "log_ratio")


@dataclass(frozen=True, kw_only=True)
class RayStart:
    """Ours: Gaussians of the image tokens start on the input picture's rays, with its colours.

    Where the picture shows its background, and in the other tokens, they start as the free ones.
    """

    cells: int  # a side of a patch; each has one Gaussian, before the plane through the origin
    back_cells: int = 0  # the same of a mirrored layer behind that plane
    depth: float = 0.1  # of both layers from that plane, box sides
    spread: float = 0.0  # of a layer's Gaussians along their rays, box sides to both sides
    sideways: float = 0.2  # how much of a predicted offset counts across the ray
    overlap: float = 0.6  # standard deviation, in the cells' spacing
    opacity: float = 0.6
    contrast: float = 0.05  # of a channel to the picture's rim, from which it is the object

    def __post_init__(self) -> None:
        build_fields(self, "rays")
        require_positive(self, "rays", "cells", "overlap", "contrast")
        for key in ("back_cells", "depth", "spread", "sideways"):
            value = getattr(self, key)
            require(value >= 0, f"rays.{key} must not be negative, got {value}")
        require(0 < self.opacity < 1, f"rays.opacity must lie in (0, 1), got {self.opacity}")

    @property
    def gaussians(self) -> int:
        """How many of an image token's Gaussians start on rays."""
        return self.cells**2 + self.back_cells**2


@dataclass(frozen=True, kw_only=True)
class ObjectWindow:
    """Ours: the picture is cut to the object before it is encoded, and lengths are in its sides.

    Small objects get as many tokens and as fine Gaussians as large ones.
    """

    margin: float = 1.1  # of the object's longer side
    smallest: float = 0.25  # of the picture's side
    contrast: float = 0.05  # of a channel to the picture's rim, from which it is the object

    def __post_init__(self) -> None:
        build_fields(self, "window")
        require_positive(self, "window", "smallest", "contrast")
        require(self.margin >= 1, f"window.margin must be at least 1, got {self.margin}")
        require(self.smallest <= 1, f"window.smallest must be at most 1, got {self.smallest}")
