"""The pipeline `validate`."""

from dd3g_kedro.pipelines.validate.pipeline import create_pipeline

__all__ = ["create_pipeline"]
