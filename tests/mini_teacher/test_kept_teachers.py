"""A teacher's trainings are taken up again only under everything that they were made of."""

from __future__ import annotations

import logging
import os
import signal
from dataclasses import replace

import pytest
import torch
from tests.core.training.test_distil import Reports
from tests.core.training.test_golden_losses import FEW, views  # noqa: F401
from tests.fakes import tiny_mini_config

from dd3g_kedro.mini_teacher.config import AutoencoderObjective, ViewAugmentation
from dd3g_kedro.mini_teacher.model import build_mini_teacher
from dd3g_kedro.mini_teacher.training import fit_autoencoder, fit_denoiser

TWO = replace(FEW, steps=2, checkpoint_every=1)
PLAIN = ViewAugmentation()


class Stopping(Reports):
    def append(self, step, metrics):
        super().append(step, metrics)
        os.kill(os.getpid(), signal.SIGINT)


@pytest.fixture
def said(caplog):
    caplog.set_level(logging.INFO, "dd3g_kedro")
    return lambda: [r.getMessage() for r in caplog.records if "is kept beside" in r.getMessage()]


def test_an_autoencoder_of_another_objective_or_augmentation_starts_anew(tmp_path, views, said):  # noqa: F811
    def starts(weights: AutoencoderObjective, augmentation: ViewAugmentation, reports=None) -> int:
        reports = reports or Reports()
        network = build_mini_teacher(tiny_mini_config(), 0).autoencoder
        fit_autoencoder(network, views, weights, TWO, augmentation, tmp_path, reports)
        return reports.starts[0]

    given = AutoencoderObjective(), PLAIN
    with pytest.raises(KeyboardInterrupt):
        starts(*given, Stopping())
    assert starts(AutoencoderObjective(colours=9.0), PLAIN) == 0
    assert starts(given[0], replace(PLAIN, mirror=0.0)) == 0
    assert "autoencoder_objective.colours: 9.0, not 4.0" in said()[0]
    assert "augmentation.mirror: 0.0, not 0.5" in said()[1]
    assert starts(*given) == 1  # where it was stopped
    assert starts(*given) == 2  # done


def test_a_teacher_that_goes_on_from_another_one_starts_anew(tmp_path, views, said):  # noqa: F811
    def trained(teacher, reports=None):
        reports = reports or Reports()
        return fit_denoiser(teacher, views, TWO, PLAIN, tmp_path, reports), reports.starts[0]

    with pytest.raises(KeyboardInterrupt):
        trained(build_mini_teacher(tiny_mini_config(), 0), Stopping())
    present = build_mini_teacher(tiny_mini_config(), 1)  # go_on: not the random weights of before
    went_on, start = trained(present)
    assert start == 0
    assert "differs: start: " in said()[0]
    _, start = trained(build_mini_teacher(tiny_mini_config(), 0))
    assert start == 1
    again, start = trained(build_mini_teacher(tiny_mini_config(), 1))
    assert start == 2
    tensors = again.state_dict()
    assert all(torch.equal(tensor, tensors[name]) for name, tensor in went_on.state_dict().items())
