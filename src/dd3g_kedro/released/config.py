"""Where a teacher comes from, and how it is asked; free of torch, so that Kedro starts fast."""

from __future__ import annotations

from dataclasses import field
from typing import Annotated, Literal

from pydantic import Field, PositiveInt

from dd3g_kedro.core.config_building import configuration
from dd3g_kedro.core.geometry.config import CameraRig


@configuration
class TeacherOrigin:
    """A mini teacher, trained here; or ImageDream `ipmv` as released, of which the rest tells."""

    kind: Literal["mini", "imagedream"]
    weights: str = ""  # file or folder: a `.pt` file or a diffusers folder
    clip: str | None = None  # CLIP ViT-H/14, where the weights have none: file or folder
    prompt: str = ""  # Ours: caption-free, as MVDream's image mode and LGM
    negative_prompt: str = ""
    elevation_deg: Annotated[float, Field(ge=-90, le=90)] = (
        5.0  # of the views and of the input image; the released demo's
    )
    image_size: PositiveInt = 256
    rig: CameraRig = field(default_factory=CameraRig)

    def __post_init__(self) -> None:
        if self.kind == "imagedream" and not self.weights:
            raise ValueError(
                "weights must name the file or folder of the released weights where kind is "
                "imagedream, got an empty string"
            )
