from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
import yaml

from dd3g_kedro.core.config_building import build
from dd3g_kedro.core.student.config import StudentConfig

ROOT = Path(__file__).parents[3]


def student_literals(environment):
    text = (ROOT / "conf" / environment / "parameters_student.yml").read_text()
    return yaml.safe_load(text)["student"]


@pytest.fixture(scope="session")
def configs():
    """The student of every environment."""
    return {
        name: build(StudentConfig, student_literals(name), "student")
        for name in ("base", "smoke", "paper")
    }


@pytest.fixture(scope="session")
def smoke(configs):
    return configs["smoke"]


@pytest.fixture
def student(smoke):
    from dd3g_kedro.core.student.weights import Student

    return Student.from_config(smoke, seed=0)


@pytest.fixture
def disturbed():
    """Give every parameter a random value: branches that start as nothing take part."""

    def disturb(module, seed=0):
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for parameter in module.parameters():
                parameter.add_(torch.randn(parameter.shape, generator=generator), alpha=0.2)
        return module

    return disturb


@pytest.fixture
def replace_pepd():
    """A student's configuration with parts of its PEPD changed."""

    def change(config, **parts):
        return replace(config, pepd=replace(config.pepd, **parts))

    return change


@pytest.fixture(scope="session")
def baseline(configs):
    """The student of an environment with its PEPD replaced: `baseline("smoke", "splatter_image")`.

    Literals are in `baselines.yml`; `changes` overrides some of the architecture's.
    """
    literals = yaml.safe_load((Path(__file__).parent / "baselines.yml").read_text())

    def change(environment, name, **changes):
        student = student_literals(environment) | {"pepd": None}
        student[name] = literals[environment][name] | changes
        return build(StudentConfig, student, "student")

    return change


@pytest.fixture(scope="session")
def baseline_inputs():
    """II, N and the rays of C for a generator."""

    def draw(config, batch=1):
        torch.manual_seed(0)
        size, views = config.latent_size, len(config.azimuths_deg)
        return (
            torch.rand(batch, 3, config.image_size, config.image_size),
            torch.randn(batch, views, config.latent_channels, size, size),
            torch.randn(batch, views, 6, size, size),
        )

    return draw
