import pickle

import pytest
import torch
from tests.fakes import SIZE, tiny_quadruples, tiny_student_config

from dd3g_kedro.core.training.quadruple_batches import QuadrupleBatches
from dd3g_kedro.core.training.resident_batches import ResidentBatches, resident_where_they_fit
from dd3g_kedro.pictures.input_images import InputImages

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def batches(tmp_path_factory):
    shards, images, teacher = tiny_quadruples(tmp_path_factory.mktemp("resident"), count=5)
    rig = tiny_student_config().rig
    return QuadrupleBatches(
        shards, InputImages(images, SIZE), SIZE, teacher.latent_shape, rig, readers=0
    )


def tensors(batch):
    quadruples = batch.to(CPU).quadruples
    cameras = vars(quadruples.cameras).values()
    rest = [value for name, value in vars(quadruples).items() if name != "cameras"]
    return [*cameras, *rest, batch.to(CPU).input_rgba]


def test_batches_are_those_that_are_read_step_by_step(batches):
    resident = ResidentBatches(batches, CPU)
    for step in range(6):
        for mine, theirs in zip(
            tensors(resident.at_step(step, 3, seed=1)),
            tensors(batches.read(step, 3, seed=1)),
            strict=True,
        ):
            torch.testing.assert_close(mine, theirs, rtol=0, atol=0)
    resident.close()


def test_they_serve_another_process_and_after_a_close(batches):
    again = pickle.loads(pickle.dumps(ResidentBatches(batches, CPU)))
    before = tensors(again.at_step(2, 2, seed=0))
    again.close()
    for mine, theirs in zip(tensors(again.at_step(2, 2, seed=0)), before, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=0, atol=0)
    assert again.fingerprint == batches.fingerprint
    assert len(again.first(3).input_rgba) == 3


def test_without_a_gpu_they_are_read_step_by_step(batches):
    assert resident_where_they_fit(batches, CPU) is batches


@pytest.mark.parametrize(("free", "fits"), [(10**9, True), (10**3, False)])
def test_they_are_kept_on_a_gpu_that_has_room(batches, monkeypatch, free, fits):
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (free, 2 * free))
    found = resident_where_they_fit(batches, torch.device("cuda"))
    assert isinstance(found, ResidentBatches) is fits
