"""Checks of the student's numbers."""

from __future__ import annotations


def require(condition: bool, message: str) -> None:
    """Raise ValueError with `message` unless the condition holds."""
    if not condition:
        raise ValueError(message)


def require_positive(config: object, where: str, *keys: str) -> None:
    """Raise ValueError where one of the keys, which stand under `where`, is not positive."""
    for key in keys:
        value = getattr(config, key)
        require(value > 0, f"{where}.{key} must be positive, got {value}")
