from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.fakes import SIZE, tiny_mini_config

from dd3g_kedro.core.geometry.config import CameraRig
from dd3g_kedro.core.kept import write_manifest
from dd3g_kedro.core.training.config import Optimization
from dd3g_kedro.mini_teacher.config import AutoencoderObjective, ViewAugmentation, ViewRendering
from dd3g_kedro.mini_teacher.drawing import views_setting
from dd3g_kedro.mini_teacher.model import build_mini_teacher
from dd3g_kedro.mini_teacher.training import drawn_timesteps, fit_autoencoder, fit_denoiser
from dd3g_kedro.mini_teacher.views import ViewsFolder


@pytest.fixture
def two_objects(tmp_path) -> ViewsFolder:
    """A red and a blue square, the same from everywhere."""
    folder = tmp_path / "views"
    folder.mkdir()
    for channel in (0, 2):
        rgba = np.zeros((1, 4, 4, SIZE, SIZE), dtype=np.uint8)
        rgba[:, :, (channel, 3), 4:12, 4:12] = 255
        np.savez(folder / f"{channel}.npz", rgba=rgba, elevations=np.zeros(1, dtype=np.float32))
    setting = views_setting(ViewRendering(size=SIZE), CameraRig())
    views = sorted(path.name for path in folder.glob("*.npz"))
    write_manifest(folder, {"identity": setting.document(), "views": views})
    return ViewsFolder(folder)


class Reports(dict):
    def append(self, step, metrics):
        self[step] = dict(metrics)

    def picture(self, step, name, image):
        self.sizes = image.size

    def begin(self, first, reports):
        self.update({report["step"]: report for report in reports})


PLAIN = ViewAugmentation(mirror=0.0, recolour=0.0, turned_views=0.0, other_ring=0.0, white=1.0)


def optimization(steps: int, rate: float) -> Optimization:
    return Optimization(
        steps=steps, batch_size=8, learning_rate=rate, ema_decay=0.9, mixed_precision="no",
        log_every=steps - 1,
    )  # fmt: skip


def test_the_autoencoder_learns_and_its_latents_have_unit_variance(two_objects, tmp_path):
    teacher = build_mini_teacher(tiny_mini_config(), 0)
    reports = Reports()
    fitted = fit_autoencoder(
        teacher.autoencoder,
        two_objects,
        AutoencoderObjective(),
        optimization(40, 2e-3),
        PLAIN,
        tmp_path / "a",
        reports,
    )
    assert reports.sizes == (8 * 128, 2 * 128)  # eight views, above what became of them
    assert reports[39]["psnr"] > reports[0]["psnr"] + 2
    batch = two_objects.on(torch.device("cpu")).draw(8, torch.Generator().manual_seed(0), PLAIN)
    latents = fitted.encode(batch.images.flatten(0, 1) * 2 - 1).latent_dist.mean
    assert 0.7 < float(latents.std() * fitted.config.scaling_factor) < 1.4


@pytest.mark.parametrize("processes", [1, 2])
def test_the_denoiser_learns_and_the_autoencoder_stays(two_objects, tmp_path, processes):
    teacher = build_mini_teacher(tiny_mini_config(), 0)
    before = {name: p.clone() for name, p in teacher.autoencoder.state_dict().items()}
    reports = Reports()
    fitted = fit_denoiser(
        teacher,
        two_objects,
        replace(optimization(30, 2e-3), processes=processes),
        PLAIN,
        tmp_path / "t",
        reports,
    )
    if processes == 1:  # else the first of them has the numbers
        assert reports[29]["loss"] < 0.8 * reports[0]["loss"]
    assert float(fitted.unet.network.conv_out.weight.detach().abs().max()) > 1e-4  # zero before
    after = fitted.autoencoder.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)


@pytest.mark.parametrize("shift", [1.0, 3.0])
def test_shifted_timesteps_lie_in_the_noisier_half_as_often_as_the_formula_says(shift):
    drawn = drawn_timesteps(40_000, 1000, shift, torch.Generator().manual_seed(0))
    assert 0 <= int(drawn.min()) < 20 and 980 <= int(drawn.max()) <= 999
    share = float((drawn < 500).double().mean())
    assert share == pytest.approx(1 / (1 + shift), abs=0.01)  # u at which t = T / 2


def test_a_training_goes_on_where_it_was_stopped_and_from_another_teacher_starts_anew(
    two_objects, tmp_path
):
    def trained(start, fingerprint):
        start.fingerprint = fingerprint
        how = optimization(2, 1e-3)
        return fit_denoiser(start, two_objects, how, PLAIN, tmp_path / "t.pt", Reports())

    def weight(teacher):
        return teacher.unet.network.conv_out.bias.detach().clone()

    first = weight(trained(build_mini_teacher(tiny_mini_config(), 0), "first"))
    again = trained(build_mini_teacher(tiny_mini_config(), 0), "first")
    assert torch.equal(weight(again), first)  # finished: its file gives its result
    assert not torch.equal(weight(trained(again, "second")), first)
