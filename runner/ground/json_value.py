"""What a JSON value is in Python, what kind of number it is, and when two of them are equal."""

from __future__ import annotations

import math
from collections.abc import Hashable
from typing import Any

Json = Any
"""None, bool, int, float, str, list or dict with string keys, all the way down."""


def is_integer(value: Json) -> bool:
    """A whole number written as one: 5.0 is a fraction here, since nothing is coerced."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_number(value: Json) -> bool:
    """A number that JSON can write: neither infinite nor NaN."""
    return is_integer(value) or (isinstance(value, float) and math.isfinite(value))


def same_json(one: Json, other: Json) -> bool:
    """Whether two values are equal as JSON: 1 and 1.0 are, 1 and true are not, the order of keys does not count."""
    return equality_key(one) == equality_key(other)


def equality_key(value: Json) -> Hashable:
    """A hashable stand-in for a value: two stand-ins are equal exactly when `same_json` holds of their values."""
    if isinstance(value, bool):
        return ("bool", value)
    if isinstance(value, list):
        return ("list", *map(equality_key, value))
    if isinstance(value, dict):
        return ("object", frozenset((key, equality_key(item)) for key, item in value.items()))
    if isinstance(value, str | int | float) or value is None:
        return value
    return ("other", id(value))  # no JSON, such as a Python program may hand over: equal to nothing else
