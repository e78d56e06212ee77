"""Splatter Image and TriplaneGaussian go through the same distillation as PEPD."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest
import torch
from tests.fakes import SIZE, tiny_quadruples, tiny_student_config

from dd3g_kedro.core.objective.config import ExplicitSupervision, ObjectiveConfig, Verification
from dd3g_kedro.core.student.config import SplatterImageConfig, TriplaneGaussianConfig
from dd3g_kedro.core.student.weights import Student
from dd3g_kedro.core.training.config import Optimization
from dd3g_kedro.core.training.quadruple_batches import QuadrupleBatches
from dd3g_kedro.datasets.step_log import StepLog
from dd3g_kedro.factory.beginning import check_fit, perceptual_distance
from dd3g_kedro.factory.distillation import distil_on_all_devices
from dd3g_kedro.pictures.input_images import InputImages
from dd3g_kedro.registry.model_card import model_card

OBJECTIVE = ObjectiveConfig(
    explicit=ExplicitSupervision(mse_weight=0.5, perceptual_weight=0.5),
    verification=Verification(
        timesteps=(20, 300), elevation_deg=(-5, 5), weighting="x0_reconstruction"
    ),
    weight_cap=0.001,
    opacity_weight=0.001,
)
OPTIMIZATION = Optimization(
    steps=2, batch_size=2, learning_rate=1e-3, mixed_precision="no", log_every=1, picture_every=2
)
SPLATTER_IMAGE = SplatterImageConfig(
    grid_size=8, width=8, multipliers=(1, 2), blocks=1, attention_size=4, head_width=8
)
TRIPLANE_GAUSSIAN = TriplaneGaussianConfig(
    image_encoder=tiny_student_config().pepd.image_encoder,
    width=16,
    blocks=1,
    head_width=16,
    points=16,
    splits=(2,),
    plane_size=2,
    plane_channels=4,
)


@pytest.mark.parametrize(
    ("part", "card"),
    [
        ({"splatter_image": SPLATTER_IMAGE}, ("Splatter Image", "64 Gaussians", "Table II, b")),
        (
            {"triplane_gaussian": TRIPLANE_GAUSSIAN},
            ("TriplaneGaussian", "32 Gaussians", "Table II, a"),
        ),
    ],
)
def test_a_baseline_is_distilled_and_its_card_says_what_it_is(tmp_path, part, card):
    shards, images, teacher = tiny_quadruples(tmp_path, count=2)
    config = replace(tiny_student_config(), pepd=None, **part)
    check_fit(config, teacher)
    student = Student.from_config(config, seed=0)
    before = {name: value.clone() for name, value in student.state_dict().items()}
    trained = distil_on_all_devices(
        student,
        teacher,
        QuadrupleBatches(shards, InputImages(images, SIZE), SIZE, teacher.latent_shape, config.rig),
        OBJECTIVE,
        partial(perceptual_distance, kind="encoder_features", backbone="vgg", weights=None),
        OPTIMIZATION,
        tmp_path / "checkpoint",
        StepLog(tmp_path / "steps.jsonl"),
    )
    after = trained.state_dict()
    assert all(value.isfinite().all() for value in after.values())
    assert sum(not torch.equal(after[name], before[name]) for name in before) > 0.9 * len(before)
    text = model_card(trained, shards, OPTIMIZATION, "random")
    assert text.startswith(f"# Student {card[0]}, image to 3D Gaussians")
    assert all(words in text for words in card)
