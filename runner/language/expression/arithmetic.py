"""`+ - * / %` and the minus sign. Types do not mix, and what does not fit is an error."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from runner.language.expression import times
from runner.language.expression.evaluation import COPIED_A_STEP, EvaluationScope, Fault
from runner.language.expression.values import (
    MAX_INT,
    MAX_UINT,
    MIN_INT,
    NUMBERS,
    CelDuration,
    Timestamp,
    Uint,
    is_list,
    is_map,
    name_of,
)

Operation = Callable[[Any, Any], Any]

_COPIED = frozenset({str, bytes, list})


def calculate(symbol: str, left: Any, right: Any, scope: EvaluationScope) -> Any:
    operation = _OPERATIONS.get((symbol, type(left), type(right)))
    if operation is None:
        return _join(symbol, left, right, scope)
    if type(left) in _COPIED:
        _pay(left, right, scope)
    return operation(left, right)


def negate(value: Any) -> Any:
    if type(value) is int:
        return _int(-value)
    if type(value) is float:
        return -value
    raise Fault(f"'-' needs an int or a double, not {name_of(value)}", "to negate a condition, write !x")


def _pay(left: Any, right: Any, scope: EvaluationScope) -> None:
    scope.spend((len(left) + len(right)) // COPIED_A_STEP)


def _join(symbol: str, left: Any, right: Any, scope: EvaluationScope) -> Any:
    """Lists of any kind; nothing else is left that could be calculated with."""
    if symbol == "+" and is_list(left) and is_list(right):
        _pay(left, right, scope)
        return [*left, *right]
    raise Fault(f"'{symbol}' does not work on {name_of(left)} and {name_of(right)}", _advice(symbol, left, right))


def _advice(symbol: str, left: Any, right: Any) -> str:
    kinds = {type(left), type(right)}
    if kinds <= NUMBERS:
        return _advice_on_numbers(symbol, kinds)
    if str in kinds and type(None) not in kinds:
        return "to join text, write string(x)" if symbol == "+" else "make a number of the text: double(x), int(x)"
    return next((hint for test, hint in _HINTS if test(left) or test(right)), "both sides must be of one type")


_HINTS: tuple[tuple[Callable[[Any], bool], str], ...] = (
    (lambda side: side is None, "ask first: x != null ? x : 0"),
    (is_list, "only lists join: list + [element]"),
    (is_map, 'maps do not join; name each key: {"a": x.a}'),
)


def _advice_on_numbers(symbol: str, kinds: set[type]) -> str:
    if len(kinds) == 1:
        return "there is a remainder of ints only: int(x) % int(y)"
    return "numbers of different types do not mix: write double(x)" if float in kinds else "write int(x) or uint(x)"


def _int(value: int) -> int:
    if MIN_INT <= value <= MAX_INT:
        return value
    raise Fault("the result does not fit an int of 64 bits", "calculate with double(x)")


def _uint(value: int) -> Uint:
    if 0 <= value <= MAX_UINT:
        return Uint(value)
    raise Fault("the result does not fit a uint: below zero, or above 64 bits", "calculate with int(x) or double(x)")


def _divisor(value: int) -> int:
    if value:
        return int(value)
    raise Fault("division by zero", "ask first: y != 0 && x / y > 1")


def _quotient(left: int, right: int) -> int:
    """Rounded towards zero."""
    quotient = abs(left) // abs(_divisor(right))
    return _int(quotient if (left < 0) == (right < 0) else -quotient)


def _remainder(left: int, right: int) -> int:
    """With the sign of what is divided."""
    return left - right * _quotient(left, right)


def _ratio(left: float, right: float) -> float:
    """As IEEE 754 says: by zero, it is infinite or no number."""
    if right:
        return left / right
    if left == 0 or math.isnan(left):
        return math.nan
    return math.copysign(math.inf, left) * math.copysign(1, right)


_OPERATIONS: Mapping[tuple[str, type, type], Operation] = {
    ("+", int, int): lambda left, right: _int(left + right),
    ("-", int, int): lambda left, right: _int(left - right),
    ("*", int, int): lambda left, right: _int(left * right),
    ("/", int, int): _quotient,
    ("%", int, int): _remainder,
    ("+", Uint, Uint): lambda left, right: _uint(int(left) + right),
    ("-", Uint, Uint): lambda left, right: _uint(int(left) - right),
    ("*", Uint, Uint): lambda left, right: _uint(int(left) * right),
    ("/", Uint, Uint): lambda left, right: Uint(int(left) // _divisor(right)),
    ("%", Uint, Uint): lambda left, right: Uint(int(left) % _divisor(right)),
    ("+", float, float): lambda left, right: left + right,
    ("-", float, float): lambda left, right: left - right,
    ("*", float, float): lambda left, right: left * right,
    ("/", float, float): _ratio,
    ("+", str, str): lambda left, right: left + right,
    ("+", bytes, bytes): lambda left, right: left + right,
    ("+", list, list): lambda left, right: left + right,
    ("+", Timestamp, CelDuration): lambda left, right: times.moment(left.nanoseconds + right.nanoseconds),
    ("+", CelDuration, Timestamp): lambda left, right: times.moment(left.nanoseconds + right.nanoseconds),
    ("+", CelDuration, CelDuration): lambda left, right: times.duration(left.nanoseconds + right.nanoseconds),
    ("-", Timestamp, CelDuration): lambda left, right: times.moment(left.nanoseconds - right.nanoseconds),
    ("-", Timestamp, Timestamp): lambda left, right: times.duration(left.nanoseconds - right.nanoseconds),
    ("-", CelDuration, CelDuration): lambda left, right: times.duration(left.nanoseconds - right.nanoseconds),
}
