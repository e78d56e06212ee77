"""`dvc.yaml`, the catalog, the parameters and the code name the same things."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from kedro.pipeline import Pipeline

_COMMAND = re.compile(
    r"kedro run (?:--env=(?P<env>\w+) )?--pipelines=(?P<pipeline>\w+)"
    r"(?: --namespaces=(?P<names>\S+))?"
)
_ITEM = "${item}"
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Stage:
    """One stage, its options dropped; of a `foreach` the union over its items."""

    command: str
    items: tuple[str, ...]
    deps: set[str]
    params: dict[str, set[str]]
    outs: set[str]
    options: dict[str, dict[str, Any]]
    always_changed: bool

    @classmethod
    def read(cls, stage: dict[str, Any]) -> Stage:
        items, stage = tuple(stage.get("foreach", ())), stage.get("do", stage)
        written: dict[str, dict[str, Any]] = {}
        for kind in ("outs", "metrics", "plots"):
            for entry in stage.get(kind, []):
                written |= entry if isinstance(entry, dict) else {entry: {}}
        each = {
            out.replace(_ITEM, item): options
            for item in items or ("",)
            for out, options in written.items()
        }
        params = {
            file: set(keys) for entry in stage.get("params", []) for file, keys in entry.items()
        }
        told = (stage["cmd"], items, set(stage.get("deps", [])), params, set(each), each)
        return cls(*told, stage.get("always_changed", False))

    @property
    def pipeline(self) -> str:
        found = _COMMAND.fullmatch(self.command)
        assert found, self.command
        return found["pipeline"]

    @property
    def environment(self) -> str:
        found = _COMMAND.fullmatch(self.command)
        assert found, self.command
        return found["env"] or "base"

    def part_of(self, whole: Pipeline) -> Pipeline:
        """What of the pipeline runs: all of it, or the namespaces that the command names."""
        found = _COMMAND.fullmatch(self.command)
        assert found, self.command
        if found["names"] is None:
            return whole
        names = self.items if found["names"] == _ITEM else found["names"].split(",")
        return whole.only_nodes_with_namespaces(list(names))


def stages_of(path: Path) -> dict[str, Stage]:
    return {n: Stage.read(s) for n, s in yaml.safe_load(path.read_text())["stages"].items()}


BASE = stages_of(ROOT / "dvc.yaml")
SMOKE = stages_of(ROOT / "conf" / "smoke" / "stages.yaml")
GPU = stages_of(ROOT / "conf" / "gpu" / "dvc.yaml")
ABLATE = {"ablate_data", "ablate_row", "ablate_pictures", "ablate_tables"}


@pytest.fixture(params=["base", "smoke", "gpu"], scope="module")
def described(request: pytest.FixtureRequest) -> tuple[Any, dict[str, Stage]]:
    """A project in an environment, with the stages that DVC runs there."""
    stages = {"base": BASE, "smoke": SMOKE, "gpu": GPU}[request.param]
    return request.getfixturevalue(request.param), stages


def test_a_stage_runs_the_pipeline_of_its_name(described):
    project, stages = described
    for name, stage in stages.items():
        assert name in (stage.pipeline, *(ABLATE if stage.pipeline == "ablate" else ()))
        assert stage.environment == project.environment


def test_the_chains_are_whole():
    chain = ["collect", "validate", "sample", "distill", "generate", "evaluate", "report"]
    assert list(BASE) == chain
    assert set(SMOKE) == {*BASE, "teacher", *ABLATE}
    assert set(GPU) == ABLATE


def test_every_row_that_is_trained_has_its_stage(settled):
    if settled.environment != "base":
        return
    rows = settled.parameters["ablate"]["rows"]
    trained = {name for name, row in rows.items() if "same_as" not in row}
    assert set(GPU["ablate_row"].items) == trained
    assert set(SMOKE["ablate_row"].items) < trained


def test_a_stage_depends_on_exactly_the_data_that_its_pipeline_reads(described):
    project, stages = described
    made_on_a_gpu = {"data/08_reporting/ablation"}
    for name, stage in stages.items():
        data = {dep for dep in stage.deps if not dep.startswith("src/")}
        read = project.read_by(stage.part_of(project.pipelines[stage.pipeline]))
        if name == "ablate_tables":  # of whatever rows there are
            read &= set().union(*(other.outs for other in stages.values()))
        if stage.always_changed:  # it need not be told what others make
            read -= made_on_a_gpu
        assert data == read, name


def test_a_stage_depends_on_exactly_the_rooms_that_its_pipeline_imports(described):
    project, stages = described
    for name, stage in stages.items():
        code = {dep for dep in stage.deps if dep.startswith("src/")}
        assert code == project.code_of(stage.pipeline), name


def test_a_stage_depends_on_exactly_the_parameters_that_its_pipeline_takes(described):
    project, stages = described
    for name, stage in stages.items():
        part = stage.part_of(project.pipelines[stage.pipeline])
        assert stage.params == project.parameter_files(part), name


def test_a_stage_makes_exactly_the_files_that_its_pipeline_writes(described):
    project, stages = described
    for name, stage in stages.items():
        part = stage.part_of(project.pipelines[stage.pipeline])
        if stage.always_changed:  # its page names this machine's runs: no hash of it is locked
            assert not stage.outs, name
            continue
        assert stage.outs == project.written(part.all_outputs()), name


def test_only_what_cannot_be_made_again_goes_into_the_store():
    """The store is part of the repository: it holds what `collect` drew, not what follows."""
    for name, stage in BASE.items():
        for out, options in stage.options.items():
            assert options.get("cache", True) == (name == "collect"), out


def test_what_resumes_is_not_deleted_first():
    """DVC empties a stage's outputs before it runs, unless they persist."""
    for stages in (BASE, SMOKE):
        shards = [o for out, o in stages["sample"].options.items() if out.endswith("quadruples")]
        assert [options.get("persist") for options in shards] == [True]
    for stages in (SMOKE, GPU):
        for out, options in stages["ablate_data"].options.items():
            assert options.get("persist", False), out


def test_no_stage_of_the_chain_waits_for_one_of_a_gpu():
    """`dvc repro`, and so `make demo`, would run the ablations on the CPU first."""
    made = {Path(out) for stage in GPU.values() for out in stage.outs}
    for name, stage in BASE.items():
        for dep in map(Path, stage.deps):
            related = {
                out for out in made if out == dep or dep in out.parents or out in dep.parents
            }
            assert not related, name


def test_the_report_is_made_again_after_the_ablations():
    assert BASE["report"].always_changed
    assert "data/smoke/08_reporting/ablation" in SMOKE["report"].deps
    made = set().union(*(SMOKE[name].outs for name in ABLATE))
    assert any(out.startswith("data/smoke/08_reporting/ablation/") for out in made)
