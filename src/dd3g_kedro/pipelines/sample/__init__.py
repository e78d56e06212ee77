"""The pipeline `sample`."""

from dd3g_kedro.pipelines.sample.pipeline import create_pipeline

__all__ = ["create_pipeline"]
