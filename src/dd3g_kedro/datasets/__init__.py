"""Kedro datasets: formats, not methods."""
