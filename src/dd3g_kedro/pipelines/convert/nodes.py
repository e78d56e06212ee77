"""ImageDream as released in, a teacher's folder of this project out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dd3g_kedro.released.config import TeacherOrigin

if TYPE_CHECKING:
    from dd3g_kedro.core.teacher.teacher import Teacher


def convert_teacher(origin: TeacherOrigin) -> Teacher:
    """Read the released checkpoint once; `TeacherDataset` stores it with its fingerprint."""
    from dd3g_kedro.released.conversion import released_teacher

    return released_teacher(origin)
