"""Processes that read ahead: they end with the training, and their death is told."""

from __future__ import annotations

import multiprocessing
import os
import signal
from dataclasses import replace

import pytest
from tests.core.training.test_distil import ENCODER_FEATURES, OBJECTIVE, OPTIMIZATION, Reports
from tests.fakes import SIZE, tiny_quadruples, tiny_student, tiny_student_config

from dd3g_kedro.core.errors import DD3GError
from dd3g_kedro.core.training.quadruple_batches import QuadrupleBatches
from dd3g_kedro.factory.distillation import distil_on_all_devices
from dd3g_kedro.pictures.input_images import InputImages


def batches_in(folder, readers: int):
    shards, images, teacher = tiny_quadruples(folder, count=2)
    rig = tiny_student_config().rig
    return QuadrupleBatches(
        shards, InputImages(images, SIZE), SIZE, teacher.latent_shape, rig, readers
    ), teacher


@pytest.mark.parametrize("processes", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_no_reading_process_outlives_a_training(tmp_path, processes):
    batches, teacher = batches_in(tmp_path, readers=1)
    before = set(multiprocessing.active_children())
    explicit, how = replace(OBJECTIVE, weight_cap=0.0), replace(OPTIMIZATION, processes=processes)
    distil_on_all_devices(
        *(tiny_student(), teacher, batches, explicit, ENCODER_FEATURES, how),
        *(tmp_path / "s", Reports()),
    )
    assert set(multiprocessing.active_children()) <= before


def test_the_death_of_a_reading_process_is_told_whenever_it_comes(tmp_path):
    batches, _ = batches_in(tmp_path, readers=1)
    before = set(multiprocessing.active_children())
    first = batches.at_step(0, 2, seed=1)
    (reader,) = set(multiprocessing.active_children()) - before
    os.kill(reader.pid, signal.SIGKILL)
    reader.join()
    with pytest.raises(DD3GError, match=r"a process that reads quadruples died.*run again"):
        for step in range(1, 20):  # the first few have been read
            batches.at_step(step, 2, seed=1)
    batches.close()
    assert batches.at_step(0, 2, seed=1).noise.equal(first.noise)
    batches.close()
