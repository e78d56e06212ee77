"""The pipeline `ablate`."""

from dd3g_kedro.pipelines.ablate.pipeline import create_pipeline

__all__ = ["create_pipeline"]
