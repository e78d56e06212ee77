from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import grimp
import pytest

HOMES = {
    "accelerate": ("core.training",),
    # Splatter Image is a diffusion U-Net, and diffusers has one
    "diffusers": (
        "core.student.splatter_image",
        "core.teacher",
        "fast",
        "mini_teacher",
        "released",
    ),
    "dvc": (),
    "great_expectations": ("expectations",),
    "gsplat": ("core.rendering",),
    "kedro_mlflow": ("hooks",),
    "lpips": ("core.objective.lpips",),
    "mlflow": ("hooks", "datasets", "serving"),
    "numba": ("core.rendering", "objects"),
    "transformers": (
        *("benchmark.scores", "core.student", "core.teacher", "mini_teacher", "released"),
    ),
    "trimesh": ("objects",),
}
HEAVY = (
    *("accelerate", "diffusers", "great_expectations", "gsplat", "lpips", "matplotlib", "mlflow"),
    *("numba", "pandas", "scipy", "torch", "torchvision", "transformers", "trimesh"),
)


def test_rooms_import_downwards_only(project: Path):
    code = (
        "from importlinter.cli import lint_imports; raise SystemExit(lint_imports(no_cache=True))"
    )
    done = subprocess.run(  # its logging configuration would switch ours off
        [sys.executable, "-c", code], cwd=project, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("library", HOMES)
def test_a_library_has_one_home(graph: grimp.ImportGraph, library: str):
    homes = tuple(f"dd3g_kedro.{home}" for home in HOMES[library])
    users = graph.find_modules_that_directly_import(library) if library in graph.modules else ()
    outside = [m for m in users if not any(m == h or m.startswith(f"{h}.") for h in homes)]
    assert outside == []


def test_the_core_knows_neither_kedro_nor_a_tracker(graph: grimp.ImportGraph):
    core = {m for m in graph.modules if m.startswith("dd3g_kedro.core")}
    reached = {upstream for module in core for upstream in graph.find_upstream_modules(module)}
    assert reached.isdisjoint({"kedro", "kedro_datasets", "kedro_mlflow", "mlflow", "dvc"})


def test_kedro_starts_without_heavy_libraries(project: Path):
    """What a command pays for before its first node: seconds for each of these libraries."""
    code = (
        "import sys, os; os.environ['DD3G_TRACKING'] = '0'\n"
        "from pathlib import Path\n"
        "from kedro.framework.startup import bootstrap_project\n"
        "bootstrap_project(Path.cwd())\n"
        "from dd3g_kedro.pipeline_registry import register_pipelines\n"
        "from dd3g_kedro.hooks.parameters import CheckedParameters\n"
        "from kedro.validation import TypeExtractor\n"
        "TypeExtractor(register_pipelines()).extract_types_from_pipelines()\n"
        f"found = [name for name in {HEAVY!r} if name in sys.modules]\n"
        "sys.exit(f'imported at start: {found}' if found else 0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=project, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_no_library_sends_anything_home():
    code = (
        "import dd3g_kedro\n"
        "from huggingface_hub.constants import HF_HUB_DISABLE_TELEMETRY as hub\n"
        "from mlflow.environment_variables import MLFLOW_DISABLE_TELEMETRY as mlflow\n"
        "from os import environ\n"
        "kedro, gx = environ['KEDRO_DISABLE_TELEMETRY'], environ['GX_ANALYTICS_ENABLED']\n"
        "off = kedro == '1' and gx == 'false' and hub and mlflow.get()\n"
        "raise SystemExit(0 if off else 'telemetry is on')\n"
    )
    ours = ("KEDRO", "MLFLOW", "GX_", "HF_")
    plain = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=plain, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
