"""The pipeline `distill`."""

from dd3g_kedro.pipelines.distill.pipeline import create_pipeline

__all__ = ["create_pipeline"]
