"""Kedro pipelines: thin; the core does the work."""
