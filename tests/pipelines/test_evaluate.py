"""The evaluate pipeline in memory: one run from a student and views to tables and pictures."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import yaml
from kedro.io import DataCatalog, MemoryDataset
from kedro.runner import SequentialRunner
from tests.known_objects import (
    protocol_file,
    saved_student,
    stored_views,
    views_table,
    write_boxes,
)

from dd3g_kedro.benchmark.config import EvaluateConfig
from dd3g_kedro.benchmark.study.study import KEY_FILE
from dd3g_kedro.benchmark.truth.stored_views import StoredViews
from dd3g_kedro.datasets.kept_text import KeptVersionsDataset
from dd3g_kedro.pipelines.evaluate import create_pipeline

OUTPUTS = (
    "metrics", "intervals", "per_object", "per_view", "by_azimuth", "costs", "table", "sheet",
    "plot", "protocol", "pictures",
)  # fmt: skip
STUDY = ("page", "key", "answers", "scores")


def never():
    raise AssertionError("the teacher was read, though no method needs it")


def run(project: Path, tmp_path: Path, config: EvaluateConfig, stored) -> dict:
    student = saved_student(project, tmp_path)
    catalog = DataCatalog(
        {
            "student": MemoryDataset(student, copy_mode="assign"),
            "benchmark_views": MemoryDataset(stored, copy_mode="assign"),
            "teacher_on_demand": MemoryDataset(never, copy_mode="assign"),
            "user_study_stored_keys": KeptVersionsDataset(filepath=str(tmp_path / KEY_FILE)),
            "params:evaluate": MemoryDataset(config, copy_mode="assign"),
        }
    )
    outputs = SequentialRunner().run(create_pipeline(), catalog)
    named = {name: f"evaluation_{name}" for name in OUTPUTS}
    named |= {f"study_{name}": f"user_study_{name}" for name in STUDY}
    return {name: outputs[dataset].load() for name, dataset in named.items()}


def test_stored_views_become_numbers_and_pictures(project, tmp_path):
    config = EvaluateConfig(protocol=protocol_file(tmp_path), sheet_objects=1)
    found = run(project, tmp_path, config, stored_views(views_table(2), tmp_path))
    assert found["metrics"]["protocol"]["objects"] == 2
    assert len(found["metrics"]["student_fingerprint"]) == 64
    assert len(found["per_view"]) == 4 * 2 * 4  # methods, objects, views
    assert len(found["per_object"]) == 4 * 2
    for method in ("student", "copy_input", "mean_color", "extruded_silhouette"):
        assert math.isfinite(found["metrics"][method]["psnr"])
    assert found["sheet"].size[1] > 500
    assert found["protocol"]["digest"] == config.manifest.digest
    assert found["study_page"] == found["study_key"] == ""  # nobody asked for a study
    assert len(found["study_scores"]) == len(found["study_answers"]) == 0


def test_any_folder_of_meshes_can_be_the_benchmark(project, tmp_path):
    meshes = write_boxes(tmp_path / "meshes")
    (meshes / "broken.obj").write_text("v 0 0 nonsense")
    path = protocol_file(tmp_path, source="meshes", azimuths_deg=[0, 120, 240])
    config = EvaluateConfig(protocol=path, objects=str(meshes))
    found = run(project, tmp_path, config, StoredViews(tmp_path / "absent.parquet"))
    table = found["per_object"]
    assert (table["status"] == "scored").sum() == 3 * 4
    failed = table[table["object_id"] == "broken"]
    assert (failed["status"] == "failed").all()
    assert failed["reason"].str.contains(r"broken\.obj").all()


@pytest.mark.parametrize("environment", ["base", "smoke", "paper"])
def test_every_environments_parameters_build(project, environment):
    merged: dict = {}
    for folder in dict.fromkeys(("base", environment)):
        numbers = yaml.safe_load((project / f"conf/{folder}/parameters_evaluate.yml").read_text())
        for key, value in numbers["evaluate"].items():
            both = isinstance(value, dict) and isinstance(merged.get(key), dict)
            merged[key] = merged[key] | value if both else value
    config = EvaluateConfig(**merged)
    expected = {"base": "demo-1", "smoke": "smoke-1", "paper": "gso-dd3g-1"}
    assert config.manifest.id == expected[environment]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"protocol": "gso-dd3"}, r"evaluate\.protocol: expected one of demo-1, .*gso-dd3'"),
        ({"protocol": "gso-dd3g"}, r"EvaluateConfig\.objects must name the folder \(gso\)"),
        (
            {"objects": "x"},
            r"EvaluateConfig\.objects is x, but .* demo-1 measures the stored views",
        ),
        ({"protocol": "images", "objects": "x"}, r"EvaluateConfig\.clip must name"),
        (
            {"protocol": "gso-sync30", "objects": "x", "split": "test"},
            r"EvaluateConfig\.split .*gso-sync30-1 reads gso",
        ),
        ({"alignment": {"steps": 5}}, r"EvaluateConfig\.alignment\.steps .*did you mean"),
        ({"two_stage": {"steps": 0}}, r"EvaluateConfig\.two_stage\.steps"),
        ({"optimised": ["lgm"]}, r"EvaluateConfig\.optimised\[0\] must be one of dreamgaussian"),
        ({"optimised": ["two_stage"] * 2}, r"EvaluateConfig\.optimised names one twice"),
        ({"outputs": {"student": "x"}}, r"EvaluateConfig\.outputs\.student: the name is taken"),
        (
            {"outputs": {"a": "x"}, "students": {"a": "y"}},
            r"EvaluateConfig\.outputs\.a: the name is taken",
        ),
        ({"limit": 0}, r"EvaluateConfig\.limit"),
        ({"split": "test"}, r"EvaluateConfig\.split .*demo-1 reads stored_views"),
        ({"baselines": ["copy"]}, r"EvaluateConfig\.baselines\[0\] must be one of"),
        ({"students": {"copy_input": "x"}}, r"EvaluateConfig\.students\.copy_input"),
        ({"lpips": {"required": True}}, r"EvaluateConfig\.lpips\.required"),
    ],
)
def test_a_wrong_parameter_names_itself(wrong, message):
    with pytest.raises(ValueError, match=message):
        EvaluateConfig(**wrong)


def test_an_unknown_parameter_names_itself():
    for gone in ("metrix", "meshes", "drawing", "background"):
        with pytest.raises(ValueError, match=f"{gone} is not a known key"):
            EvaluateConfig(**{gone: 1})
