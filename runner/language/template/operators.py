"""Operators between JSON values, each within the budget: arithmetic, formatting, joining, slices."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from runner.ground.errors import TemplateError
from runner.language.template.budget import TEXT_PER_UNIT, Budget
from runner.language.template.json_value import described, refuse_secrets, text_of
from runner.language.template.lookup import MISSING, member

MIN_INTEGER = -(2**63)
MAX_INTEGER = 2**63 - 1
_MAX_EXPONENT = 1100
_NUMBERS = (int, float)
_CONVERSION = re.compile(r"%(?:\((?P<key>[^()%]*)\))?(?P<form>[-+ #0]*\d{0,3}(?:\.\d{1,2})?)(?P<type>[sdifeEgGxXo%])|%")
_LENGTH_OF_A_CONVERSION = 1000 + 320
"""The widest field, and the most digits that `%f` gives for the largest number."""


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


def multiply(budget: Budget, left: Any, right: Any) -> Any:
    """`*`: numbers; a text or list so many times."""
    if _are_numbers(left, right):
        return in_range(left * right)
    if isinstance(left, int) and not isinstance(left, bool):
        left, right = right, left
    if isinstance(right, int) and not isinstance(right, bool):
        times = max(0, right)
        if isinstance(left, str):
            refuse_secrets(left)
            budget.text(len(left) * times)
            return left * times
        if isinstance(left, list | tuple):
            budget.spend(len(left) * times)
            return [*left] * times
    raise _mismatch("*", left, right)


def remainder(budget: Budget, left: Any, right: Any) -> Any:
    """`%`: the remainder of numbers, or `"%s" % x`."""
    return formatted(budget, left, right) if isinstance(left, str) else modulo(budget, left, right)


def formatted(budget: Budget, pattern: str, values: Any) -> str:
    """`pattern` with its conversions `%s %d %i %f %e %g %x %o %%` filled in from a list, an object or one value."""
    budget.spend((len(pattern) + _LENGTH_OF_A_CONVERSION * pattern.count("%")) // TEXT_PER_UNIT)
    in_order = iter(values if isinstance(values, list | tuple) else [values])
    text = _CONVERSION.sub(lambda conversion: _converted(budget, conversion, in_order, values), pattern)
    if isinstance(values, list | tuple) and next(in_order, MISSING) is not MISSING:
        raise TemplateError("there are more values than `%` conversions in the text")
    budget.text(len(text))
    return text


def power(_budget: Budget, left: Any, right: Any) -> Any:
    """`**`: numbers; no step of the work is larger than the largest result."""
    if not _are_numbers(left, right):
        raise _mismatch("**", left, right)
    if left == 0 and right < 0:
        raise TemplateError("0 has no negative power")
    if left < 0 and isinstance(right, float) and not right.is_integer():
        raise TemplateError("a negative number has no such power")
    if isinstance(left, int) and isinstance(right, int) and abs(left) > 1 and abs(right) > _MAX_EXPONENT:
        raise TemplateError("the result is too large for a number", hint="whole numbers have 64 bits")
    return in_range(left**right)


def _arithmetic(symbol: str, compute: Callable[[Any, Any], Any], divides: bool = False) -> Callable[..., Any]:
    """An operator that goes between numbers alone."""

    def apply(_budget: Budget, left: Any, right: Any) -> Any:
        if not _are_numbers(left, right):
            raise _mismatch(symbol, left, right)
        if divides and right == 0:
            raise TemplateError("division by zero")
        return in_range(compute(left, right))

    return apply


def _sign(symbol: str, compute: Callable[[Any], Any]) -> Callable[[Budget, Any], Any]:
    """An operator before a number."""

    def apply(_budget: Budget, value: Any) -> Any:
        if not is_number(value):
            raise TemplateError(f"`{symbol}` cannot be used on {described(value)}")
        return in_range(compute(value))

    return apply


modulo = _arithmetic("%", operator.mod, divides=True)

BINARY: Mapping[str, Callable[[Budget, Any, Any], Any]] = {
    "+": add,
    "-": _arithmetic("-", operator.sub),
    "*": multiply,
    "/": _arithmetic("/", operator.truediv, divides=True),
    "//": _arithmetic("//", operator.floordiv, divides=True),
    "%": remainder,
    "**": power,
}

UNARY: Mapping[str, Callable[[Budget, Any], Any]] = {"-": _sign("-", operator.neg), "+": _sign("+", operator.pos)}


def joined(budget: Budget, values: list[Any], separator: str = "") -> str:
    """The values' texts, one after the other."""
    texts = [text_of(budget, value) for value in values]
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
    refuse_secrets(value)
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


def _mismatch(symbol: str, left: object, right: object, hint: str = "") -> TemplateError:
    return TemplateError(f"`{symbol}` does not go between {described(left)} and {described(right)}", hint=hint)


def _converted(budget: Budget, conversion: re.Match[str], in_order: Iterator[Any], values: Any) -> str:
    form, kind = conversion["form"] or "", conversion["type"]
    if kind is None:
        raise TemplateError("`%` starts no conversion here", hint="write %s for a value, %% for the sign itself")
    if kind == "%":
        return "%"
    value = next(in_order, MISSING) if conversion["key"] is None else member(values, conversion["key"])
    if value is MISSING:
        raise TemplateError(f"there is no value for `{conversion[0]}`")
    if kind == "s":
        text = text_of(budget, value)
        if form:
            refuse_secrets(text)
        return f"%{form}s" % text
    if isinstance(value, bool) or not isinstance(value, int | float) or (kind in "xXo" and isinstance(value, float)):
        raise TemplateError(f"`{conversion[0]}` needs a number, not {described(value)}", hint="%s takes anything")
    return f"%{form}{kind}" % value
