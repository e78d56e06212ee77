"""One row from its settings to its numbers."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from dd3g_kedro.ablation.config import AblateConfig, Measurement
from dd3g_kedro.ablation.lessons import Origin
from dd3g_kedro.ablation.measures import measure
from dd3g_kedro.ablation.results import RowResult, measured, unmeasured
from dd3g_kedro.ablation.rows import check_rows, common_digest, row_settings
from dd3g_kedro.ablation.training import minutes_of, train_row
from dd3g_kedro.benchmark.config import EvaluateConfig
from dd3g_kedro.benchmark.truth.stored_views import StoredViews
from dd3g_kedro.core.config_building import plain
from dd3g_kedro.core.devices import default_device
from dd3g_kedro.core.objective.config import ObjectiveConfig
from dd3g_kedro.core.quadruples.shards import QuadrupleShards
from dd3g_kedro.core.student.config import StudentConfig
from dd3g_kedro.core.teacher.teacher import Teacher
from dd3g_kedro.core.training.reporting import StepReports
from dd3g_kedro.factory.distillation import batches_for
from dd3g_kedro.pictures.input_images import pictures_in

_LOG = logging.getLogger(__name__)
_SHOWN = ("pictures", "study")  # of `evaluate`: nothing that a row's numbers depend on


@runtime_checkable
class RowReports(StepReports, Protocol):
    """Reports that can be read again (`datasets.step_log.StepLog`)."""

    def records(self) -> Iterator[Mapping[str, Any]]:
        """The reported steps."""


@dataclass(frozen=True)
class Benchmark:
    """What every row is measured on."""

    stored: StoredViews
    evaluate: EvaluateConfig
    held_out: QuadrupleShards
    held_out_images: Path

    def fingerprint(self, measurement: Measurement) -> str:
        """Tells apart numbers that cannot be compared."""
        held_out = [self.held_out.fingerprint, plain(measurement)]
        content = hashlib.sha256(json.dumps(held_out).encode())
        told = {key: value for key, value in plain(self.evaluate).items() if key not in _SHOWN}
        content.update(json.dumps(told, sort_keys=True).encode())
        content.update(repr(self.evaluate.manifest).encode())
        content.update(self.stored.path.read_bytes())
        return content.hexdigest()


def run_row(
    name: str,
    ablate: AblateConfig,
    student: StudentConfig,
    objective: ObjectiveConfig,
    origin: Origin,
    teacher: Teacher,
    benchmark: Benchmark,
    checkpoints: Path,
    reports: RowReports,
) -> RowResult:
    """Train and measure the row `name`.

    Raises:
        ValueError: this row's settings, or another one's, do not fit.
        TrainingDiverged: ten steps in a row had non-finite gradients.
        KeyboardInterrupt: the run was asked to stop; the same call goes on.
    """
    check_rows(ablate, student, objective)
    row = ablate.rows[name]
    if row is None or row.same_as is not None:
        return unmeasured(name, ablate)
    settings = row_settings(name, ablate, student, objective)
    _LOG.info("row %s (%s): %s", name, row.label, row.sentence)
    trained = train_row(settings, ablate, origin, teacher, checkpoints, reports)
    best = trained.student.to(default_device())
    held_out = batches_for(best.config, benchmark.held_out, pictures_in(benchmark.held_out_images))
    measures = measure(best, benchmark.stored, held_out, benchmark.evaluate, ablate.measurement)
    return measured(
        name,
        row.label,
        settings,
        trained,
        measures,
        benchmark.fingerprint(ablate.measurement),
        minutes_of(reports.records(), ablate.optimization.batch_size),
        benchmark.evaluate.manifest,
        common_digest(ablate, student, objective),
    )
