"""The world frame, orbits and rays.

World frame (the only declaration): right-handed, z up; the object sits in the unit box centred on
the origin and its front faces +x. A camera at azimuth `p` and elevation `e` stands at
`radius * (cos e cos p, cos e sin p, sin e)` and looks at the origin; azimuth 0 is the front,
90 degrees the object's left-hand side (+y), seen from above the azimuth runs anticlockwise.
glTF's frame (y up, front +z, x to the object's left) maps onto it by (x, y, z) -> (z, x, y).
"""

from typing import Any

from dd3g_kedro.core.geometry.config import CameraRig

__all__ = ["CameraRig", "camera_to_world", "orbit", "plucker_rays"]


def __getattr__(name: str) -> Any:
    """Import what needs torch only when it is used: configurations are read at every start."""
    if name in __all__:
        from dd3g_kedro.core.geometry import cameras

        return getattr(cameras, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
