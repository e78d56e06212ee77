"""`dvc.yaml`, the catalog, the parameters and the code name the same things."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

_COMMAND = re.compile(r"kedro run (?:--env=(?P<env>\w+) )?--pipelines=(?P<pipeline>\w+)")


@dataclass(frozen=True)
class Stage:
    """One stage, its options dropped."""

    command: str
    deps: set[str]
    params: dict[str, set[str]]
    outs: set[str]
    options: dict[str, dict[str, Any]]

    @classmethod
    def read(cls, stage: dict[str, Any]) -> Stage:
        written: dict[str, dict[str, Any]] = {}
        for kind in ("outs", "metrics", "plots"):
            for entry in stage.get(kind, []):
                written |= entry if isinstance(entry, dict) else {entry: {}}
        params = {
            file: set(keys) for entry in stage.get("params", []) for file, keys in entry.items()
        }
        return cls(stage["cmd"], set(stage.get("deps", [])), params, set(written), written)


def stages_of(path: Path) -> dict[str, Stage]:
    return {n: Stage.read(s) for n, s in yaml.safe_load(path.read_text())["stages"].items()}


BASE = stages_of(Path(__file__).parents[2] / "dvc.yaml")
SMOKE = stages_of(Path(__file__).parents[2] / "conf" / "smoke" / "stages.yaml")


@pytest.fixture(params=["base", "smoke"], scope="module")
def described(request: pytest.FixtureRequest) -> tuple[Any, dict[str, Stage]]:
    """A project in an environment, with the stages that DVC runs there."""
    return request.getfixturevalue(request.param), {"base": BASE, "smoke": SMOKE}[request.param]


def test_a_stage_runs_the_pipeline_of_its_name(described):
    project, stages = described
    for name, stage in stages.items():
        found = _COMMAND.fullmatch(stage.command)
        assert found, stage.command
        assert found["pipeline"] == name
        assert (found["env"] or "base") == project.environment


def test_the_chains_are_whole():
    assert list(BASE) == ["collect", "validate", "sample", "distill", "evaluate", "report"]
    assert set(SMOKE) == set(BASE) | {"teacher", "ablate", "generate"}


def test_a_stage_depends_on_exactly_the_data_that_its_pipeline_reads(described):
    project, stages = described
    for name, stage in stages.items():
        data = {dep for dep in stage.deps if not dep.startswith("src/")}
        assert data == project.read_by(name), name


def test_a_stage_depends_on_exactly_the_rooms_that_its_pipeline_imports(described):
    project, stages = described
    for name, stage in stages.items():
        code = {dep for dep in stage.deps if dep.startswith("src/")}
        assert code == project.code_of(name), name


def test_a_stage_depends_on_exactly_the_parameters_that_its_pipeline_takes(described):
    project, stages = described
    for name, stage in stages.items():
        assert stage.params == project.parameter_files(name), name


def test_a_stage_makes_exactly_the_files_that_its_pipeline_writes(described):
    project, stages = described
    for name, stage in stages.items():
        assert stage.outs == project.stored(project.pipelines[name].all_outputs()), name


def test_only_what_cannot_be_made_again_goes_into_the_store():
    """The store is part of the repository: it holds what `collect` drew, not what follows."""
    for name, stage in BASE.items():
        for out, options in stage.options.items():
            kept = options.get("push", True) and options.get("cache", True)
            assert kept == (name == "collect"), out


def test_what_resumes_is_not_deleted_first():
    """DVC empties a stage's outputs before it runs, unless they persist."""
    for stages in (BASE, SMOKE):
        shards = [o for out, o in stages["sample"].options.items() if out.endswith("quadruples")]
        assert [options.get("persist") for options in shards] == [True]
    for out, options in SMOKE["ablate"].options.items():
        resumes = "/rows/" in out or "/08_reporting/" not in out
        assert options.get("persist", False) == resumes, out


def test_the_report_is_made_again_after_the_ablations():
    assert "data/08_reporting/ablation" in BASE["report"].deps
    assert "data/smoke/08_reporting/ablation" in SMOKE["report"].deps
    assert any(o.startswith("data/smoke/08_reporting/ablation/") for o in SMOKE["ablate"].outs)
