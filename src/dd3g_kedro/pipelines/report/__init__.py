"""What was measured as one page (Tables I to IV, pictures, turntables, tracked runs)."""

from dd3g_kedro.pipelines.report.pipeline import create_pipeline

__all__ = ["create_pipeline"]
