"""The pipeline `teacher`."""

from dd3g_kedro.pipelines.teacher.pipeline import create_pipeline

__all__ = ["create_pipeline"]
