"""Whether an evaluated student becomes champion, through the pipeline and a registry in memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from kedro.io import DataCatalog, MemoryDataset
from kedro.runner import SequentialRunner

from dd3g_kedro.pipelines.promote import create_pipeline
from dd3g_kedro.registry.config import Promotion


class Registry:
    """Versions by fingerprint, as MLflow's registry keeps them."""

    name = "student"

    def __init__(self, *fingerprints: str) -> None:
        self.versions = {fingerprint: str(i) for i, fingerprint in enumerate(fingerprints, 1)}
        self.evaluations: dict[str, dict[str, Any]] = {}
        self.serves: str | None = None

    def version_of(self, fingerprint: str) -> str:
        return self.versions[fingerprint]

    def champion(self) -> str | None:
        return self.serves

    def evaluation(self, version: str) -> dict[str, Any] | None:
        return self.evaluations.get(version)

    def record_evaluation(self, version: str, metrics: dict[str, Any]) -> None:
        self.evaluations[version] = metrics

    def promote(self, version: str) -> None:
        self.serves = version


def evaluated(fingerprint: str, psnr: float, novel_psnr: float) -> dict[str, Any]:
    student = {"psnr": psnr, "novel_psnr": novel_psnr}
    return {"protocol": {"id": "a"}, "student_fingerprint": fingerprint, "student": student}


@pytest.fixture
def promote(project: Path):
    """With the parameters that are shipped."""
    told = yaml.safe_load((project / "conf/base/parameters_promote.yml").read_text())["promote"]

    def run(registry: Registry, metrics: dict[str, Any]) -> dict[str, Any]:
        catalog = DataCatalog(
            {
                "evaluation_metrics": MemoryDataset(metrics),
                "student_registry": MemoryDataset(registry, copy_mode="assign"),
                "params:promote": MemoryDataset(Promotion(**told)),
            }
        )
        return SequentialRunner().run(create_pipeline(), catalog)["promotion_report"].load()

    return run


def test_new_views_decide_which_student_serves(promote):
    registry = Registry("one", "copies", "better")
    assert promote(registry, evaluated("one", 18.0, 17.6))["promoted"] is True
    # Copying the input wins where the input's own view counts (19.2 dB against 18.0 there).
    report = promote(registry, evaluated("copies", 19.2, 15.6))
    assert (report["promoted"], report["candidate"], registry.serves) == (False, "2", "1")
    assert "student.novel_psnr is 15.6000, the champion's 17.6000" in report["reason"]
    assert promote(registry, evaluated("better", 17.9, 17.7))["promoted"] is True
    assert registry.serves == "3"
    again = promote(registry, evaluated("better", 17.9, 17.7))
    assert again["reason"] == "the candidate is the champion already"
