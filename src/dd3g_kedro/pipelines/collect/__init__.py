"""The pipeline `collect`."""

from dd3g_kedro.pipelines.collect.pipeline import create_pipeline

__all__ = ["create_pipeline"]
