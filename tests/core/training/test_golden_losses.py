"""The first steps of every training, in numbers: whoever changes them raises a maker's version."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.core.training.test_distil import (
    OBJECTIVE,
    OPTIMIZATION,
    Reports,
    batches_of,
    run,
)
from tests.fakes import SIZE, tiny_mini_config, tiny_quadruples
from tests.golden import check_golden

from dd3g_kedro.core.geometry.config import CameraRig
from dd3g_kedro.core.kept import write_manifest
from dd3g_kedro.core.training.config import Optimization
from dd3g_kedro.core.training.distil import MAKER as DISTILLATION
from dd3g_kedro.mini_teacher.config import AutoencoderObjective, ViewAugmentation, ViewRendering
from dd3g_kedro.mini_teacher.drawing import views_setting
from dd3g_kedro.mini_teacher.model import build_mini_teacher
from dd3g_kedro.mini_teacher.training import AUTOENCODER, DENOISER, fit_autoencoder, fit_denoiser
from dd3g_kedro.mini_teacher.views import ViewsFolder

FEW = Optimization(steps=4, batch_size=8, learning_rate=1e-3, mixed_precision="no", log_every=1)
RTOL = 1e-3  # of losses after four steps: other processors add in another order


@pytest.fixture(autouse=True)
def float32(monkeypatch):
    """Everywhere, also on processors that multiply in bfloat16."""
    monkeypatch.setattr("dd3g_kedro.core.devices._processor_has_bfloat16", lambda: False)


@pytest.fixture
def views(tmp_path) -> ViewsFolder:
    """A red and a blue square, seen from everywhere; each side is another shade."""
    (tmp_path / "views").mkdir()
    for channel in (0, 2):
        rgba = np.zeros((2, 4, 4, SIZE, SIZE), dtype=np.uint8)
        rgba[:, :, 3, 4:12, 4:12] = 255
        shades = np.arange(120, 248, 16, dtype=np.uint8).reshape(2, 4, 1, 1)
        rgba[:, :, channel, 4:12, 4:12] = shades
        elevations = np.array([0.0, 0.3], dtype=np.float32)
        np.savez(tmp_path / "views" / f"{channel}.npz", rgba=rgba, elevations=elevations)
    setting = views_setting(ViewRendering(size=SIZE), CameraRig())
    listed = {"identity": setting.document(), "views": ["0.npz", "2.npz"]}
    write_manifest(tmp_path / "views", listed)
    return ViewsFolder(tmp_path / "views")


def curve(reports: Reports, *keys: str) -> list[list[float]]:
    return [[reports.metrics[step][key] for key in keys] for step in sorted(reports.metrics)]


def test_of_the_distillation(tmp_path):
    reports, stronger = Reports(), replace(OBJECTIVE, weight_cap=0.3, schedule="constant")
    quadruples = tiny_quadruples(tmp_path, count=2)
    assert len(batches_of(quadruples)) == 4
    run(quadruples, tmp_path / "kept", reports, stronger, OPTIMIZATION)
    terms = ("loss.explicit", "loss.opacity", "mse", "perceptual", "beta")
    check_golden(DISTILLATION, curve(reports, *terms), atol=1e-5, rtol=RTOL)
    norms = curve(reports, "gradient_norm.verification")  # its value is a surrogate's
    check_golden(f"verified {DISTILLATION}", norms, atol=1e-5, rtol=0.05)


def test_of_the_autoencoder(tmp_path, views):
    reports, network = Reports(), build_mini_teacher(tiny_mini_config(), 0).autoencoder
    told = (AutoencoderObjective(), FEW, ViewAugmentation(), tmp_path / "kept", reports)
    fit_autoencoder(network, views, *told)
    check_golden(AUTOENCODER, curve(reports, "loss", "psnr"), atol=1e-5, rtol=RTOL)


def test_of_the_denoiser(tmp_path, views):
    reports, teacher = Reports(), build_mini_teacher(tiny_mini_config(), 0)
    fit_denoiser(teacher, views, FEW, ViewAugmentation(), tmp_path / "kept", reports)
    check_golden(DENOISER, curve(reports, "loss"), atol=1e-5, rtol=RTOL)
