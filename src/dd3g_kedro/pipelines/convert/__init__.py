"""The pipeline `convert`."""

from dd3g_kedro.pipelines.convert.pipeline import create_pipeline

__all__ = ["create_pipeline"]
