"""Filters on numbers, and from text to numbers."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from runner.ground.errors import TemplateError
from runner.language.template.budget import Budget
from runner.language.template.json_value import described
from runner.language.template.lookup import MISSING
from runner.language.template.operators import in_range, is_number
from runner.language.template.text_filters import need_whole

_DECIMAL = 10
_LONGEST_NUMERAL = 400
_MAX_PRECISION = 15
_MIN_PRECISION = -18
_ROUNDINGS: dict[str, Callable[[float], int]] = {"ceil": math.ceil, "floor": math.floor}


def absolute(_budget: Budget, value: Any) -> Any:
    """Without its sign."""
    return in_range(abs(_number(value, "`abs`")))


def whole(_budget: Budget, value: Any, default: Any = MISSING, base: Any = _DECIMAL) -> Any:
    """A whole number: of a fraction what stands before the point, of text what it says; else `default`."""
    try:
        if isinstance(value, str) and len(value) <= _LONGEST_NUMERAL:
            return in_range(_read_whole(value, need_whole(base, "`int`", least=2)))
        return in_range(int(_number(value, "`int`")))
    except (TemplateError, ValueError, OverflowError):
        return _otherwise(default, value, "a whole number")


def fraction(_budget: Budget, value: Any, default: Any = MISSING) -> Any:
    """A number with a fraction, of text what it says; else `default`."""
    try:
        if isinstance(value, str) and len(value) <= _LONGEST_NUMERAL:
            return in_range(float(value))
        return in_range(float(_number(value, "`float`")))
    except (TemplateError, ValueError, OverflowError):
        return _otherwise(default, value, "a number")


def rounded(_budget: Budget, value: Any, precision: Any = 0, method: Any = "common") -> Any:
    """Rounded to `precision` places, by `common`, `ceil` or `floor`."""
    number = float(_number(value, "`round`"))
    if isinstance(precision, bool) or not isinstance(precision, int):
        raise TemplateError("`round` needs a whole number of places")
    if not _MIN_PRECISION <= precision <= _MAX_PRECISION:
        raise TemplateError(f"`round` goes from {_MIN_PRECISION} to {_MAX_PRECISION} places")
    if method == "common":
        return in_range(round(number, precision))
    if method not in _ROUNDINGS:
        raise TemplateError('`round` knows "common", "ceil" and "floor"')
    scale = 10.0**precision
    return in_range(_ROUNDINGS[method](in_range(number * scale)) / scale)


def _read_whole(text: str, base: int) -> int:
    try:
        return int(text, base)
    except ValueError:
        if base != _DECIMAL:
            raise
        return int(float(text))


def _number(value: Any, what: str) -> Any:
    if is_number(value):
        return in_range(value)
    raise TemplateError(f"{what} needs a number, not {described(value)}")


def _otherwise(default: Any, value: object, wanted: str) -> Any:
    if default is not MISSING:
        return default
    shown = f"the text '{value[:40]}'" if isinstance(value, str) else described(value)
    raise TemplateError(f"{shown} is not {wanted}", hint="a default may follow: `int(0)`, `float(0)`")
