"""When two JSON values are equal: 1 and 1.0 are, 1 and true are not."""

from __future__ import annotations

import math
from collections.abc import Hashable

from runner.ground.json_value import Json


def identity(value: Json) -> Hashable:
    """A stand-in that is equal for equal JSON values, and hashable."""
    if isinstance(value, bool):
        return ("bool", value)
    if isinstance(value, list):
        return ("list", *map(identity, value))
    if isinstance(value, dict):
        return ("object", frozenset((key, identity(item)) for key, item in value.items()))
    if isinstance(value, str | int | float) or value is None:
        return value
    return ("other", id(value))


def is_integer(value: Json) -> bool:
    """A whole number written as one: 5.0 is a fraction here, since nothing is coerced."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_number(value: Json) -> bool:
    return is_integer(value) or (isinstance(value, float) and math.isfinite(value))
