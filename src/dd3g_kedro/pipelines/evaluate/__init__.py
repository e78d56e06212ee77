"""Score the student and trivial baselines against ground-truth views (Table I)."""

from dd3g_kedro.pipelines.evaluate.pipeline import create_pipeline

__all__ = ["create_pipeline"]
