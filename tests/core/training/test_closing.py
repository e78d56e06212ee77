import pytest
import torch
from tests.fakes import SIZE, tiny_quadruples, tiny_student, tiny_student_config

from dd3g_kedro.core.geometry.cameras import orbit
from dd3g_kedro.core.rendering.render import render
from dd3g_kedro.core.training.closing import close
from dd3g_kedro.core.training.config import Closing, Optimization
from dd3g_kedro.core.training.quadruple_batches import QuadrupleBatches
from dd3g_kedro.pictures.input_images import InputImages


class Reports:
    def __init__(self):
        self.metrics = {}

    def append(self, step, metrics):
        self.metrics[step] = dict(metrics)

    def picture(self, step, name, image):
        raise AssertionError

    def begin(self, first, reports):
        raise AssertionError  # the distillation before it has begun the log


@pytest.fixture(scope="module")
def batches(tmp_path_factory):
    shards, images, teacher = tiny_quadruples(tmp_path_factory.mktemp("closing"), count=3)
    rig = tiny_student_config().rig
    return QuadrupleBatches(
        shards, InputImages(images, SIZE), SIZE, teacher.latent_shape, rig, readers=0
    )


def closing(steps=40):
    optimization = Optimization(
        steps=steps,
        batch_size=2,
        learning_rate=5e-3,
        ema_decay=0.8,
        mixed_precision="no",
        log_every=1,
    )
    return Closing(pictures=3, optimization=optimization)


def views(student, quadruples, azimuth_deg):
    azimuth = torch.full((len(quadruples.input_image), 1), azimuth_deg).deg2rad()
    elevation = torch.full_like(azimuth, student.config.elevation_deg).deg2rad()
    cameras = orbit(azimuth, elevation, student.config.rig)
    with torch.no_grad():
        rays = student.rays(len(azimuth))
        gaussians = student(quadruples.input_image, quadruples.noise, rays)
        return render(gaussians, cameras, SIZE, quadruples.background).images[:, 0]


def test_the_inputs_view_comes_nearer_and_nothing_but_last_layers_changes(batches, tmp_path):
    student, reports = tiny_student(), Reports()
    quadruples = batches.first(3).quadruples
    before = {name: value.clone() for name, value in student.state_dict().items()}
    front = (views(student, quadruples, 0.0) - quadruples.input_image).square().mean()
    close(student, batches, closing(), tmp_path / "closing", reports, first=100)
    after = (views(student, quadruples, 0.0) - quadruples.input_image).square().mean()
    assert after < 0.8 * front
    changed = {
        name for name, value in student.state_dict().items() if (value != before[name]).any()
    }
    assert changed
    assert all("progressive_decoding" in name and ".layers.3." in name for name in changed)
    assert min(reports.metrics) == 100


def test_other_views_are_held_to_what_was_drawn_before(batches, tmp_path):
    quadruples = batches.first(3).quadruples
    held, free = tiny_student(), tiny_student()
    before = views(held, quadruples, 130.0)
    close(held, batches, closing(), tmp_path / "held", Reports())
    front = (views(held, quadruples, 0.0) - views(free, quadruples, 0.0)).square().mean()
    assert (views(held, quadruples, 130.0) - before).square().mean() < front
