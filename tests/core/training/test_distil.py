import os
import signal
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch
from tests.fakes import SIZE, tiny_quadruples, tiny_student, tiny_student_config, tiny_teacher

from dd3g_kedro.core.errors import InvalidShard, InvalidWeights, MissingWeights
from dd3g_kedro.core.objective.config import ExplicitSupervision, ObjectiveConfig, Verification
from dd3g_kedro.core.objective.verification import verify
from dd3g_kedro.core.rendering.render import render
from dd3g_kedro.core.training.config import Optimization
from dd3g_kedro.core.training.quadruple_batches import QuadrupleBatches, rows_of_step
from dd3g_kedro.datasets.step_log import StepLog
from dd3g_kedro.factory.beginning import check_fit, perceptual_distance, starting_student
from dd3g_kedro.factory.distillation import distil_on_all_devices
from dd3g_kedro.pictures.input_images import InputImages

OBJECTIVE = ObjectiveConfig(
    explicit=ExplicitSupervision(mse_weight=0.5, perceptual_weight=0.5),
    verification=Verification(
        timesteps=(20, 300), elevation_deg=(-5, 5), weighting="x0_reconstruction"
    ),
    weight_cap=0.001,
    opacity_weight=0.001,
)
ENCODER_FEATURES = partial(
    perceptual_distance, kind="encoder_features", backbone="vgg", weights=None
)
OPTIMIZATION = Optimization(
    steps=4,
    batch_size=2,
    learning_rate=1e-3,
    mixed_precision="no",
    log_every=1,
    picture_every=2,
    checkpoint_every=2,
)


class Reports:
    def __init__(self):
        self.metrics, self.pictures, self.starts = {}, {}, []

    def append(self, step, metrics):
        self.metrics[step] = dict(metrics)

    def picture(self, step, name, image):
        self.pictures[step, name] = image.size

    def begin(self, first, reports):
        self.starts.append(first)
        self.metrics = {report["step"]: report for report in reports}


@pytest.fixture(scope="module")
def quadruples(tmp_path_factory):
    return tiny_quadruples(tmp_path_factory.mktemp("distil"), count=2)


def batches_of(quadruples) -> QuadrupleBatches:
    shards, images, teacher = quadruples
    return QuadrupleBatches(
        shards, InputImages(images, SIZE), SIZE, teacher.latent_shape, tiny_student_config().rig
    )


def run(
    quadruples,
    checkpoints: Path,
    reports,
    objective=OBJECTIVE,
    optimization=OPTIMIZATION,
    verified_share=1.0,
):
    teacher = quadruples[2]
    return distil_on_all_devices(
        tiny_student(),
        teacher,
        batches_of(quadruples),
        objective,
        ENCODER_FEATURES,
        optimization,
        checkpoints,
        reports,
        verified_share,
    )


def test_reports_hold_every_term_beta_and_a_picture_row(quadruples, tmp_path):
    reports = Reports()
    run(quadruples, tmp_path / "s", reports)
    last = reports.metrics[3]
    for key in ("explicit", "verification", "opacity"):
        assert last[f"loss.{key}"] is not None
        assert last[f"gradient_norm.{key}"] > 0
    assert last["beta"] == pytest.approx(0.001)  # Eq. 6 has passed the cap
    assert reports.metrics[0]["beta"] == 0
    assert reports.starts == [0]
    # input, four teacher views and four student views beside each other, four quadruples
    assert reports.pictures[0, "input_teacher_student"] == (9 * 128, 4 * 128)


def test_a_stopped_distillation_ends_with_the_same_bits(quadruples, tmp_path):
    whole = run(quadruples, tmp_path / "whole", Reports())

    class Stopping(Reports):
        def append(self, step, metrics):
            super().append(step, metrics)
            if step == 1:
                os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        run(quadruples, tmp_path / "cut", Stopping())
    reports = Reports()
    resumed = run(quadruples, tmp_path / "cut", reports)
    assert reports.starts == [2]
    for (name, one), other in zip(
        whole.state_dict().items(), resumed.state_dict().values(), strict=True
    ):
        assert torch.equal(one, other), name


@pytest.mark.slow
def test_one_quadruple_can_be_learnt_by_heart(tmp_path):
    reports = Reports()
    only_explicit = replace(OBJECTIVE, weight_cap=0.0, opacity_weight=0.0)
    longer = replace(
        OPTIMIZATION, steps=120, batch_size=1, learning_rate=5e-3, checkpoint_every=1000
    )
    quadruples = tiny_quadruples(tmp_path, count=4)
    shards, _images, teacher = quadruples
    batches = batches_of(quadruples)
    row = shards[2]  # a disc unlike its background: there is something to learn
    batches.at_step = lambda *_: batches.decode([row])  # type: ignore[method-assign]
    distil_on_all_devices(
        tiny_student(),
        teacher,
        batches,
        only_explicit,
        ENCODER_FEATURES,
        longer,
        tmp_path / "one",
        reports,
    )
    assert reports.metrics[119]["mse"] < 0.5 * reports.metrics[0]["mse"]


def test_verification_reaches_the_student_and_leaves_the_teacher_alone(quadruples):
    shards, _, teacher = quadruples
    student = tiny_student()
    batch = batches_of(quadruples).decode([shards[0], shards[1]])
    q = batch.quadruples
    gaussians = student(q.input_image, q.noise, student.rays(2))
    before = {name: p.clone() for name, p in teacher.state_dict().items()}
    loss = verify(gaussians, batch.input_rgba, teacher, OBJECTIVE, torch.Generator().manual_seed(0))
    loss.backward()
    norms = [p.grad.norm() for p in student.parameters() if p.grad is not None]
    assert sum(norms) > 0
    assert all(torch.isfinite(norm) for norm in norms)
    assert all(torch.equal(before[name], p) for name, p in teacher.state_dict().items())


@pytest.mark.parametrize(("share", "asked"), [(1.0, 2), (0.5, 1), (0.1, 1)])
def test_the_teacher_is_asked_about_a_share_of_the_objects(
    quadruples, tmp_path, monkeypatch, share, asked
):
    seen = []

    def judged(gaussians, input_rgba, *_):
        seen.append((len(gaussians), len(input_rgba)))
        return gaussians.means.sum() * 0

    monkeypatch.setattr("dd3g_kedro.core.training.distil.verify", judged)
    constant = replace(OBJECTIVE, schedule="constant")
    run(quadruples, tmp_path / "c", Reports(), constant, replace(OPTIMIZATION, steps=2), share)
    assert seen == [(asked, asked)] * 2


def test_batches_show_the_stored_quadruple_over_its_background(quadruples):
    shards, _, _ = quadruples
    batch = batches_of(quadruples).decode([shards[0]])
    q = batch.quadruples
    background = torch.tensor(shards[0].background).float()
    assert torch.equal(q.background[0], background)
    alpha = batch.input_rgba[0, 3:]
    assert set(alpha.unique().tolist()) == {0, 1}
    laid = torch.where(alpha > 0, batch.input_rgba[0, :3], background[:, None, None])
    assert torch.equal(q.input_image[0], laid)
    gaussians = tiny_student()(q.input_image, q.noise, tiny_student().rays(1))
    nothing = replace(gaussians, opacities=torch.zeros_like(gaussians.opacities))
    empty = render(nothing, q.cameras, SIZE, q.background).images  # what is seen through it
    assert torch.equal(empty, q.background[:, None, :, None, None].expand_as(empty))


def test_processes_read_what_threads_read(quadruples):
    shards, images, teacher = quadruples
    rig = tiny_student_config().rig
    for readers in (0, 2):
        batches = QuadrupleBatches(
            shards, InputImages(images, SIZE), SIZE, teacher.latent_shape, rig, readers
        )
        for step in (0, 1, 2, 7, 3):  # forth, ahead and back, as trainings that go on do
            batch = batches.at_step(step, 2, seed=1).to("cpu")
            rows = [shards[i] for i in rows_of_step(shards, step, 2, seed=1).tolist()]
            wanted = batches.decode(rows)
            assert torch.equal(batch.input_rgba, wanted.input_rgba)
            found, wanted = vars(batch.quadruples).copy(), vars(wanted.quadruples).copy()
            torch.testing.assert_close(vars(found.pop("cameras")), vars(wanted.pop("cameras")))
            assert all(torch.equal(found[name], wanted[name]) for name in wanted)
        batches.close()


def test_what_a_reading_process_finds_wrong_is_said_as_ever(quadruples):
    shards, images, teacher = quadruples
    rig = tiny_student_config().rig
    other = QuadrupleBatches(
        shards, InputImages(images, 32), 32, teacher.latent_shape, rig, readers=1
    )
    with pytest.raises(InvalidShard, match="expected views of 32 pixels"):
        other.at_step(0, 2, seed=1)
    other.close()


def test_two_processes_learn_what_one_learns(quadruples, tmp_path):
    only_explicit = replace(OBJECTIVE, weight_cap=0.0)
    logs, students = [], [tiny_student()]
    for processes in (1, 2):
        logs.append(StepLog(tmp_path / f"{processes}.jsonl"))  # a file: helpers write to it
        how = replace(OPTIMIZATION, processes=processes)
        students.append(run(quadruples, tmp_path / str(processes), logs[-1], only_explicit, how))
    one, two = ([record["gradient_norm"] for record in log.records()] for log in logs)
    assert one[0] == pytest.approx(two[0], rel=1e-3)  # the mean of both halves of the batch
    assert one == pytest.approx(two, rel=0.05)
    start, alone, shared = (
        torch.cat([p.detach().flatten() for p in student.parameters()]) for student in students
    )
    moved = float((alone - start).norm())
    assert moved > 0.1
    assert float((alone - shared).norm()) < 0.2 * moved  # Adam magnifies the smallest gradients


def test_quadruples_of_another_size_are_refused(quadruples):
    shards, images, teacher = quadruples
    other = QuadrupleBatches(
        shards, InputImages(images, 32), 32, teacher.latent_shape, tiny_student_config().rig
    )
    with pytest.raises(InvalidShard, match=r"expected views of 32 pixels.*found 16"):
        other.decode([shards[0]])


def test_a_student_that_does_not_fit_the_teacher_names_the_key():
    config = replace(tiny_student_config(), elevation_deg=20.0)
    with pytest.raises(ValueError, match=r"student\.elevation_deg must be 5\.0.*got 20"):
        check_fit(config, tiny_teacher())


def test_missing_or_foreign_initial_weights_say_what_to_do():
    config = tiny_student_config()
    with pytest.raises(MissingWeights, match=r"student_initial.*Put a student there"):
        starting_student(config, None, "initial", 0)
    other = replace(config, elevation_deg=10.0)
    with pytest.raises(InvalidWeights, match=r"student_initial.*configuration differs"):
        starting_student(other, tiny_student(), "initial", 0)


def test_lpips_without_its_backbone_stops_at_the_start():
    with pytest.raises(MissingWeights, match="lpips_weights is null"):
        perceptual_distance(tiny_teacher(), "lpips", "vgg", None)
