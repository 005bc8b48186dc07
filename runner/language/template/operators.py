"""Operators between JSON values, each within the budget: arithmetic, joining, comparing, membership, slices."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from runner.ground.errors import TemplateError
from runner.language.template.budget import Budget
from runner.language.template.formatting import formatted
from runner.language.template.json_value import described, text_of

MIN_INTEGER = -(2**63)
MAX_INTEGER = 2**63 - 1
_MAX_EXPONENT = 1100
_NUMBERS = (int, float)


def is_number(value: object) -> bool:
    """Whether this is a number; true and false are none."""
    return isinstance(value, _NUMBERS) and not isinstance(value, bool)


def in_range(value: Any) -> Any:
    """A number that JSON holds: a whole number of 64 bits, or a finite fraction."""
    if isinstance(value, int) and MIN_INTEGER <= value <= MAX_INTEGER:
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    raise TemplateError("the result is too large for a number", hint="whole numbers have 64 bits")


def add(budget: Budget, left: Any, right: Any) -> Any:
    """`+`: numbers, texts, lists."""
    if _are_numbers(left, right):
        return in_range(left + right)
    if isinstance(left, str) and isinstance(right, str):
        budget.text(len(left) + len(right))
        return left + right
    if isinstance(left, list | tuple) and isinstance(right, list | tuple):
        budget.spend(len(left) + len(right))
        return [*left, *right]
    if isinstance(left, str) or isinstance(right, str):
        raise _mismatch("+", left, right, "`~` joins anything as text")
    raise _mismatch("+", left, right)


def subtract(_budget: Budget, left: Any, right: Any) -> Any:
    """`-`: numbers."""
    _need_numbers("-", left, right)
    return in_range(left - right)


def multiply(budget: Budget, left: Any, right: Any) -> Any:
    """`*`: numbers; a text or list so many times."""
    if _are_numbers(left, right):
        return in_range(left * right)
    if isinstance(left, int) and not isinstance(left, bool):
        left, right = right, left
    if isinstance(right, int) and not isinstance(right, bool):
        times = max(0, right)
        if isinstance(left, str):
            budget.text(len(left) * times)
            return left * times
        if isinstance(left, list | tuple):
            budget.spend(len(left) * times)
            return [*left] * times
    raise _mismatch("*", left, right)


def divide(_budget: Budget, left: Any, right: Any) -> Any:
    """`/`: numbers; the result is a fraction."""
    _need_divisible("/", left, right)
    return in_range(left / right)


def divide_whole(_budget: Budget, left: Any, right: Any) -> Any:
    """`//`: numbers, rounded down."""
    _need_divisible("//", left, right)
    return in_range(left // right)


def remainder(budget: Budget, left: Any, right: Any) -> Any:
    """`%`: the remainder of numbers, or `"%s" % x`."""
    if isinstance(left, str):
        return formatted(budget, left, right)
    _need_divisible("%", left, right)
    return in_range(left % right)


def power(_budget: Budget, left: Any, right: Any) -> Any:
    """`**`: numbers; no step of the work is larger than the largest result."""
    _need_numbers("**", left, right)
    if left == 0 and right < 0:
        raise TemplateError("0 has no negative power")
    if left < 0 and isinstance(right, float) and not right.is_integer():
        raise TemplateError("a negative number has no such power")
    if isinstance(left, int) and isinstance(right, int) and abs(left) > 1 and abs(right) > _MAX_EXPONENT:
        raise TemplateError("the result is too large for a number", hint="whole numbers have 64 bits")
    try:
        return in_range(left**right)
    except OverflowError:
        return in_range(math.inf)


def negate(_budget: Budget, value: Any) -> Any:
    """`-x`."""
    if not is_number(value):
        raise TemplateError(f"`-` cannot be used on {described(value)}")
    return in_range(-value)


def keep(_budget: Budget, value: Any) -> Any:
    """`+x`."""
    if not is_number(value):
        raise TemplateError(f"`+` cannot be used on {described(value)}")
    return value


BINARY: Mapping[str, Callable[[Budget, Any, Any], Any]] = {
    "+": add,
    "-": subtract,
    "*": multiply,
    "/": divide,
    "//": divide_whole,
    "%": remainder,
    "**": power,
}

UNARY: Mapping[str, Callable[[Budget, Any], Any]] = {"-": negate, "+": keep}


def joined(budget: Budget, values: list[Any], separator: str = "") -> str:
    """The values' texts, one after the other."""
    texts = [text_of(value, budget) for value in values]
    budget.text(sum(map(len, texts)) + len(separator) * max(0, len(texts) - 1))
    return separator.join(texts)


def sliced(budget: Budget, value: Any, start: Any, stop: Any, step: Any) -> Any:
    """`value[start:stop:step]` of a list or text."""
    if not isinstance(value, str | list | tuple | range):
        raise TemplateError(f"{described(value)} has no slices")
    for bound in (start, stop, step):
        if bound is not None and (isinstance(bound, bool) or not isinstance(bound, int)):
            raise TemplateError(f"a slice goes from number to number, not to {described(bound)}")
    if step == 0:
        raise TemplateError("a slice cannot have steps of 0")
    length = len(range(len(value))[start:stop:step])
    if isinstance(value, str):
        budget.text(length)
    else:
        budget.spend(1 + length)
    return value[start:stop:step]


def _are_numbers(left: Any, right: Any) -> bool:
    if type(left) is int and type(right) is int and MIN_INTEGER <= left <= MAX_INTEGER >= right >= MIN_INTEGER:
        return True
    return is_number(left) and is_number(right) and in_range(left) is left and in_range(right) is right


def _need_numbers(operator: str, left: object, right: object) -> None:
    if not _are_numbers(left, right):
        raise _mismatch(operator, left, right)


def _need_divisible(operator: str, left: object, right: object) -> None:
    _need_numbers(operator, left, right)
    if right == 0:
        raise TemplateError("division by zero")


def _mismatch(operator: str, left: object, right: object, hint: str = "") -> TemplateError:
    return TemplateError(f"`{operator}` does not go between {described(left)} and {described(right)}", hint=hint)
