"""Changes the texts of a JSON value, wherever they stand in it."""

from __future__ import annotations

from collections.abc import Callable

from runner.ground.json_value import Json


def mapped(value: Json, change: Callable[[str], str]) -> Json:
    """The value with each text in it changed, at any depth, in keys too; the same value if none is."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list | tuple):
        return type(value)(mapped(item, change) for item in value)
    if isinstance(value, dict):
        return {change(key): mapped(item, change) for key, item in value.items()}
    return value
