"""Turn pictures into 3D objects on disk."""

from dd3g_kedro.pipelines.generate.pipeline import create_pipeline

__all__ = ["create_pipeline"]
