"""Rows that differ in one thing from each other, and what the difference does."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dd3g_kedro.ablation.config import AblateConfig
from dd3g_kedro.benchmark.config import EvaluateConfig
from dd3g_kedro.core.objective.config import ObjectiveConfig
from dd3g_kedro.core.quadruples.config import Sampling
from dd3g_kedro.core.student.config import StudentConfig

_LOG = logging.getLogger(__name__)

if TYPE_CHECKING:
    import pandas as pd

    from dd3g_kedro.ablation.results import RowResult
    from dd3g_kedro.ablation.run import RowReports
    from dd3g_kedro.benchmark.truth.stored_views import StoredViews
    from dd3g_kedro.core.quadruples.shards import QuadrupleShards
    from dd3g_kedro.core.student.weights import Student
    from dd3g_kedro.core.teacher.teacher import Teacher


def write_held_out(
    benchmark_views: StoredViews,
    evaluate: EvaluateConfig,
    ablate: AblateConfig,
    destination: Path,
) -> Path:
    """Lay the benchmark's input views out as pictures."""
    from dd3g_kedro.ablation.held_out import write_held_out as write

    return write(benchmark_views, evaluate, ablate.held_out, destination)


def sample_held_out(
    images: Path, teacher: Teacher, sampling: Sampling, ablate: AblateConfig, destination: Path
) -> Path:
    """Ask the teacher for several objects of each held-out image."""
    from dd3g_kedro.ablation.held_out import held_out_sampling
    from dd3g_kedro.factory.sampling import sample
    from dd3g_kedro.pictures.input_images import pictures_in

    how = held_out_sampling(sampling, ablate.held_out)
    return sample(pictures_in(images), teacher, how, destination)


def sample_on_white(
    image_table: pd.DataFrame,
    collected_images: Path,
    teacher: Teacher,
    sampling: Sampling,
    ablate: AblateConfig,
    destination: Path,
) -> Path:
    """The rendered images' quadruples again, from the same noise, over white."""
    from dataclasses import replace

    from dd3g_kedro.factory.sampling import sample
    from dd3g_kedro.pictures.table import files_by_id

    images = files_by_id(image_table, collected_images, accepted=True)
    how = replace(sampling, background="white", images=ablate.images)
    return sample(images, teacher, how, destination)


def stylise_images(
    image_table: pd.DataFrame, collected_images: Path, ablate: AblateConfig, destination: Path
) -> Path:
    """Draw the accepted images in other manners: Table IV's synthetic images."""
    from itertools import islice

    from dd3g_kedro.ablation.stylise import write_stylised
    from dd3g_kedro.pictures.table import files_by_id

    images = files_by_id(image_table, collected_images, accepted=True)
    chosen = dict(islice(images.items(), ablate.images))
    return write_stylised(chosen, ablate.stylisation, destination)


def sample_stylised(images: Path, teacher: Teacher, sampling: Sampling, destination: Path) -> Path:
    """Ask the teacher for the stylised images' quadruples."""
    from dataclasses import replace

    from dd3g_kedro.factory.sampling import sample
    from dd3g_kedro.pictures.input_images import pictures_in

    return sample(pictures_in(images), teacher, replace(sampling, images=None), destination)


def row_node(name: str) -> Callable[..., RowResult]:
    """The node that trains and measures the row `name`."""

    def run_row(
        ablate: AblateConfig,
        student: StudentConfig,
        objective: ObjectiveConfig,
        evaluate: EvaluateConfig,
        quadruples: QuadrupleShards,
        image_table: pd.DataFrame,
        collected_images: Path,
        teacher: Teacher,
        benchmark_views: StoredViews,
        held_out: QuadrupleShards,
        held_out_images: Path,
        checkpoints: Path,
        step_log: RowReports,
        stylised: QuadrupleShards | None = None,
        stylised_images: Path | None = None,
    ) -> RowResult:
        """Train one row under the common budget and measure it."""
        from dd3g_kedro.ablation.mix import sources_of
        from dd3g_kedro.ablation.run import Benchmark, run_row
        from dd3g_kedro.pictures.input_images import pictures_in
        from dd3g_kedro.pictures.table import files_by_id

        synthetic = None
        if stylised is not None and stylised_images is not None:
            synthetic = stylised, pictures_in(stylised_images)
        rendered = quadruples, files_by_id(image_table, collected_images)
        return run_row(
            name,
            ablate,
            student,
            objective,
            sources_of(ablate, name, rendered, synthetic),
            teacher,
            Benchmark(benchmark_views, evaluate, held_out, held_out_images),
            checkpoints,
            step_log,
        )

    run_row.__name__ = f"run_{name}"
    return run_row


def run_true_views(
    ablate: AblateConfig,
    student: StudentConfig,
    objective: ObjectiveConfig,
    evaluate: EvaluateConfig,
    training_views: Path,
    teacher: Teacher,
    benchmark_views: StoredViews,
    held_out: QuadrupleShards,
    held_out_images: Path,
    checkpoints: Path,
    step_log: RowReports,
) -> RowResult:
    """Train the row that learns from the truth, and measure it."""
    from dd3g_kedro.ablation.config import TRUE_VIEWS
    from dd3g_kedro.ablation.run import Benchmark, run_row
    from dd3g_kedro.mini_teacher.views import ViewsFolder

    left_out = ablate.rows[TRUE_VIEWS] is None
    return run_row(
        TRUE_VIEWS,
        ablate,
        student,
        objective,
        [] if left_out else ViewsFolder(training_views),
        teacher,
        Benchmark(benchmark_views, evaluate, held_out, held_out_images),
        checkpoints,
        step_log,
    )


def table_node(name: str) -> Callable[..., dict[str, Any]]:
    """The node that gathers one table from whatever rows have results."""

    def make_table(ablate: AblateConfig, **results: RowResult | None) -> dict[str, Any]:
        """Numbers, comparisons, words and a picture."""
        from dd3g_kedro.ablation.table_figure import figure
        from dd3g_kedro.ablation.table_text import markdown, sentence
        from dd3g_kedro.ablation.tables import ablation_table

        table = ablation_table(name, results, ablate)
        _LOG.info("%s. %s", table.title, sentence(table))
        return {
            "rows": table.frame(),
            "pairs": table.pairs(),
            "markdown": markdown(table),
            "figure": figure(table),
        }

    make_table.__name__ = f"table_{name}"
    return make_table


def interpolate(
    student: Student, images: Path, evaluate: EvaluateConfig, ablate: AblateConfig
) -> dict[str, Any]:
    """Walk between the image tokens of held-out pictures (Fig. 9)."""
    from dd3g_kedro.ablation.interpolation import interpolations, smoothness, strip
    from dd3g_kedro.core.devices import default_device

    ways = interpolations(student.to(default_device()), images, ablate.interpolation)
    return {"measures": smoothness(ways, evaluate.manifest), "strip": strip(ways)}


def vary_noise(
    student: Student,
    held_out: QuadrupleShards,
    images: Path,
    evaluate: EvaluateConfig,
    ablate: AblateConfig,
) -> dict[str, Any]:
    """Lift each held-out picture with several N, beside the teacher (Fig. 10)."""
    from dd3g_kedro.ablation.diversity import picture, summary, variants_of
    from dd3g_kedro.core.devices import default_device
    from dd3g_kedro.factory.distillation import batches_for
    from dd3g_kedro.pictures.input_images import pictures_in

    moved = student.to(default_device())
    batches = batches_for(moved.config, held_out, pictures_in(images))
    found = variants_of(moved, batches, evaluate.autocast)
    return {
        "measures": summary(found, evaluate.manifest),
        "strip": picture(found, ablate.diversity),
    }
