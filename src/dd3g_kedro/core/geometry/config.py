"""What all cameras share."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from dd3g_kedro.core.config_building import configuration


@configuration
class CameraRig:
    """What all cameras share. Ours: LGM's values, the paper states neither (Sec. IV-A)."""

    # distance to the origin, in box sides: no camera stands in the unit box
    radius: Annotated[float, Field(gt=0.9)] = 1.5
    fov_deg: Annotated[float, Field(gt=0, lt=170)] = 49.1  # across and down, images are square
