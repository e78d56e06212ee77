from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from dd3g_kedro.core.config_building import build
from dd3g_kedro.core.objective.config import ObjectiveConfig

ROOT = Path(__file__).parents[3]


def objective(environment):
    text = (ROOT / "conf" / environment / "parameters_objective.yml").read_text()
    return build(ObjectiveConfig, yaml.safe_load(text)["objective"], "objective")


@pytest.mark.parametrize("environment", ["base", "smoke", "paper"])
def test_every_environment_names_every_number(environment):
    text = (ROOT / "conf" / environment / "parameters_objective.yml").read_text()
    base = (ROOT / "conf" / "base" / "parameters_objective.yml").read_text()
    assert yaml.safe_load(text)["objective"].keys() == yaml.safe_load(base)["objective"].keys()
    objective(environment)


def test_the_paper_environment_holds_the_papers_numbers():
    paper = objective("paper")
    assert (paper.explicit.mse_weight, paper.explicit.perceptual_weight) == (0.5, 0.5)
    assert paper.verification.timesteps == (20, 300)
    assert paper.verification.elevation_deg == (-5, 5)
    curriculum = paper.curriculum(total_steps=1000)
    assert (curriculum.weight_cap, curriculum.schedule) == (0.4, "exponential")
    assert paper.opacity_weight == 1


def test_an_unknown_nested_key_is_named():
    text = (ROOT / "conf" / "paper" / "parameters_objective.yml").read_text()
    literals = yaml.safe_load(text)["objective"]
    literals["verification"]["timestep"] = [20, 300]
    with pytest.raises(ValueError, match=r"objective\.verification\.timestep is not a known key"):
        build(ObjectiveConfig, literals, "objective")
