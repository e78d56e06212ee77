"""True views of meshes in the place of a teacher's quadruples: the bound for a student (Ours)."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import torch

from dd3g_kedro.core.devices import default_device
from dd3g_kedro.core.geometry.cameras import orbit
from dd3g_kedro.core.objective.background import composite, random_background
from dd3g_kedro.core.processes import rank, ranks
from dd3g_kedro.core.student.config import StudentConfig
from dd3g_kedro.core.teacher.cameras import frame_azimuths
from dd3g_kedro.core.training.loop import step_generator
from dd3g_kedro.core.training.quadruple_batches import QuadrupleBatch
from dd3g_kedro.core.types import Quadruples
from dd3g_kedro.mini_teacher.config import ViewAugmentation
from dd3g_kedro.mini_teacher.drawing import DRAW
from dd3g_kedro.mini_teacher.views import RenderedViews, ViewsFolder

_STREAM = 4_098  # of a step's random numbers: the training's own streams are the processes' numbers


class TrueViews:
    """Serves {N, C, II, OI} whose OI is the truth; N is drawn anew and says nothing of it.

    II and OI stand at the student's elevation, over Eq. 8's background. Views that do not start
    at the input's azimuth, or stand on another ring, are the teacher's matter and are left out.

    Raises:
        ValueError: the student's pictures or cameras are not those of the views.
        DD3GError: there are no views at the student's elevation.
    """

    def __init__(
        self, folder: ViewsFolder, augmentation: ViewAugmentation, student: StudentConfig
    ) -> None:
        _check(folder, student)
        self._folder, self._student = folder, student
        self._rings = folder.rings_at(student.elevation_deg)
        self._augmentation = replace(augmentation, turned_views=0.0, other_ring=0.0)
        self._views: RenderedViews | None = None
        told = repr((folder.fingerprint, self._augmentation, student.elevation_deg))
        self.fingerprint = hashlib.sha256(told.encode()).hexdigest()

    def __len__(self) -> int:
        """How many inputs there are before they are mirrored and recoloured."""
        fronts = self._folder.shape[1] if self._augmentation.any_front else 1
        return len(self._folder.files) * fronts

    def at_step(self, step: int, batch_size: int, seed: int) -> QuadrupleBatch:
        """This process's share of a step's batch, on the device; of (seed, step) alone."""
        generator = step_generator(seed, step, _STREAM)
        return self._draw(batch_size, generator, slice(rank(), None, ranks()))

    def first(self, count: int) -> QuadrupleBatch:
        """`count` of them, always the same, to be looked at."""
        return self._draw(count, step_generator(0, 0, _STREAM), slice(None))

    def close(self) -> None:
        """Nothing is read ahead."""

    def _draw(self, count: int, generator: torch.Generator, share: slice) -> QuadrupleBatch:
        """The whole batch is drawn, so that its shares are the same for any number of processes."""
        if self._views is None:
            self._views = self._folder.read(default_device(), self._rings)
        picked = self._views.pick(count, generator, self._augmentation)
        background = random_background(count, generator)[share]
        config = self._student
        noise = torch.randn(
            *(count, len(config.azimuths_deg), config.latent_channels),
            *(config.latent_size, config.latent_size),
            generator=generator,
        )
        rgba = picked.rgba[share]
        background = background.to(rgba.device)
        images = composite(rgba, background[:, None].expand(-1, rgba.shape[1], -1))
        return QuadrupleBatch(
            Quadruples(
                noise=noise[share].to(rgba.device),
                cameras=orbit(picked.azimuth[share], picked.elevation[share], config.rig),
                input_image=images[:, 0],
                output_images=images[:, 1:],
                background=background,
            ),
            rgba[:, 0],
        )


def _check(folder: ViewsFolder, student: StudentConfig) -> None:
    if folder.size != student.image_size:
        raise ValueError(
            f"{folder.folder}: expected views of {student.image_size} pixels, as "
            f"student.image_size says, found {folder.size}. Change teacher_training.views.size "
            f"and draw again: {DRAW}"
        )
    frames = [round(float(angle), 3) for angle in frame_azimuths().rad2deg()]
    if [round(angle, 3) for angle in student.azimuths_deg] != frames:
        raise ValueError(
            f"student.azimuths_deg must be {frames} to learn from true views, the teacher's "
            f"frames, got {list(student.azimuths_deg)}"
        )
