import torch
from tests.fakes import SIZE, tiny_mini_config

from dd3g_kedro.core.teacher.mini import build_mini_teacher
from dd3g_kedro.core.training.config import AutoencoderObjective, Optimization, ViewAugmentation
from dd3g_kedro.core.training.loop import Callbacks
from dd3g_kedro.core.training.teacher import fit_autoencoder, fit_denoiser
from dd3g_kedro.core.training.views import RenderedViews


def two_objects() -> RenderedViews:
    """A red and a blue square, the same from everywhere."""
    rgba = torch.zeros(2, 1, 4, 4, SIZE, SIZE, dtype=torch.uint8)
    rgba[:, :, :, 3, 4:12, 4:12] = 255
    rgba[0, :, :, 0, 4:12, 4:12] = 255
    rgba[1, :, :, 2, 4:12, 4:12] = 255
    return RenderedViews(rgba, torch.zeros(2, 1), "two")


PLAIN = ViewAugmentation(mirror=0.0, recolour=0.0, turned_views=0.0, other_ring=0.0, white=1.0)


def optimization(steps: int, rate: float) -> Optimization:
    return Optimization(
        steps=steps, batch_size=8, learning_rate=rate, ema_decay=0.9, mixed_precision="no",
        log_every=steps - 1,
    )  # fmt: skip


def test_the_autoencoder_learns_and_its_latents_have_unit_variance(tmp_path):
    teacher = build_mini_teacher(tiny_mini_config(), 0)
    reports = {}
    fitted = fit_autoencoder(
        teacher.autoencoder,
        two_objects(),
        AutoencoderObjective(),
        optimization(40, 2e-3),
        PLAIN,
        tmp_path / "a.pt",
        Callbacks(on_step=reports.__setitem__),
    )
    assert reports[39]["psnr"] > reports[0]["psnr"] + 2
    batch = two_objects().draw(8, torch.Generator().manual_seed(0), PLAIN)
    latents = fitted.encode(batch.images.flatten(0, 1) * 2 - 1).latent_dist.mean
    assert 0.7 < float(latents.std() * fitted.config.scaling_factor) < 1.4


def test_the_denoiser_learns_and_the_autoencoder_stays(tmp_path):
    teacher = build_mini_teacher(tiny_mini_config(), 0)
    before = {name: p.clone() for name, p in teacher.autoencoder.state_dict().items()}
    reports = {}
    fitted = fit_denoiser(
        teacher,
        two_objects(),
        optimization(30, 2e-3),
        PLAIN,
        tmp_path / "t.pt",
        Callbacks(on_step=reports.__setitem__),
    )
    assert reports[29]["loss"] < 0.8 * reports[0]["loss"]
    after = fitted.autoencoder.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
