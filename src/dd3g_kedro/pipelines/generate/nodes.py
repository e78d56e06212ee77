"""Pictures to objects."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dd3g_kedro.generation.config import GenerateConfig


def generate_objects(
    image: Any, student: Any, generate: GenerateConfig
) -> Iterator[dict[str, Any]]:
    """Lift every picture (Eq. 2); one object at a time reaches the disk."""
    from dd3g_kedro.core.devices import default_device
    from dd3g_kedro.generation.objects import generated_objects
    from dd3g_kedro.generation.sources import find_pictures

    pictures = find_pictures(image)
    student = student.to(default_device())
    for name, made in generated_objects(pictures, student, generate):
        yield {name: made}
