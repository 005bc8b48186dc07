"""Equality, order and membership. Numbers of different types compare by their number; nothing else does."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from runner.language.expression.evaluation import COMPARED_A_STEP, EvaluationScope, Fault, SecretFault
from runner.language.expression.values import (
    NUMBERS,
    SCALARS,
    CelDuration,
    Timestamp,
    Uint,
    admit,
    holds_key,
    is_list,
    is_map,
    look_up,
    name_of,
)
from runner.language.secret_text import OPENING, WHOLE_ONLY, WHOLE_ONLY_HINT, holds_secret

ORDERED = frozenset({bool, int, Uint, float, str, bytes, Timestamp, CelDuration})

TEXTS = frozenset({str, bytes})

TEXT_A_STEP = 1024
"""Characters of texts that are compared for one step."""

ORDERS: Mapping[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def equal(left: Any, right: Any, scope: EvaluationScope) -> bool:
    """Whether two values are equal to CEL, which has more types than JSON, and an int as a double beside a double."""
    kind, other = type(left), type(right)
    if kind in SCALARS and other in SCALARS:
        if kind is other:
            return same(left, right, scope) if kind in TEXTS else bool(left == right)
        return kind in NUMBERS and other in NUMBERS and bool(operator.eq(*_aligned(left, right)))
    if is_map(left) and is_map(right):
        return _equal_maps(left, right, scope)
    if is_list(left) and is_list(right):
        return _equal_lists(left, right, scope)
    one, another = admit(left), admit(right)  # values of subclasses of plain types, once they are plain
    return (one is not left or another is not right) and equal(one, another, scope)


def same(left: Any, right: Any, scope: EvaluationScope) -> bool:
    """Whether two texts of one type are the same. A fault, where a secret in them leaves that open."""
    if len(left) >= TEXT_A_STEP:
        pay_for_text(left, right, scope)
    if left == right:
        return True
    return bool(left and right) and type(left) is str and need_known(left, right)


def need_known(*values: Any) -> bool:
    """No, unless a text among the values holds a secret: then a fault."""
    for value in values:
        if isinstance(value, str) and OPENING in value and holds_secret(value):
            raise SecretFault(WHOLE_ONLY, WHOLE_ONLY_HINT)
    return False


def pay_for_text(left: Any, right: Any, scope: EvaluationScope) -> None:
    """Two texts of one length are compared to their end where they are alike."""
    if type(left) in TEXTS and len(left) >= TEXT_A_STEP and left is not right:
        scope.spend(min(len(left), len(right)) // TEXT_A_STEP)


def _equal_lists(left: Sequence[Any], right: Sequence[Any], scope: EvaluationScope) -> bool:
    scope.spend(1 + min(len(left), len(right)) // COMPARED_A_STEP)
    if len(left) != len(right):
        return False
    for one, other in zip(left, right, strict=True):
        kind = type(one)
        plain = kind is type(other) and kind in SCALARS
        if plain and kind in TEXTS:
            alike = same(one, other, scope)
        else:
            alike = one == other if plain else equal(one, other, scope)
        if not alike:
            return False
    return True


def _equal_maps(left: Mapping[Any, Any], right: Mapping[Any, Any], scope: EvaluationScope) -> bool:
    scope.spend(1 + min(len(left), len(right)) // COMPARED_A_STEP)
    if len(left) != len(right):
        return False
    if not all(holds_key(right, key) for key in left):
        return need_known(*left, *right)
    return all(equal(value, look_up(right, key), scope) for key, value in left.items())


def _aligned(left: Any, right: Any) -> tuple[Any, Any]:
    """Two numbers as CEL compares them: as doubles if one of them is a double, though that may lose digits."""
    return (float(admit(left)), float(admit(right))) if float in (type(left), type(right)) else (left, right)


def compare(symbol: str, left: Any, right: Any) -> bool:
    """The order of two values of different types: numbers alone have one."""
    if type(left) in NUMBERS and type(right) in NUMBERS:
        return ORDERS[symbol](*_aligned(left, right))
    raise Fault(f"'{symbol}' can't compare {name_of(left)} with {name_of(right)}", _advice(left, right))


def _advice(left: Any, right: Any) -> str:
    kinds = {type(left), type(right)}
    if type(None) in kinds:
        return "ask first: x != null && x > 1"
    if str in kinds and kinds & NUMBERS:
        return "make a number of the text: double(x), int(x)"
    if bool in kinds:
        return "compare two by two: a < b && b < c"
    if is_list(left) or is_list(right) or is_map(left) or is_map(right):
        return "to count: size(x)"
    return "compare values of one type"


def pay_for_key(key: Any, scope: EvaluationScope) -> None:
    """A key is compared with the one that is found."""
    if type(key) is str and len(key) >= TEXT_A_STEP:
        scope.spend(len(key) // TEXT_A_STEP)


def contains(item: Any, container: Any, scope: EvaluationScope) -> bool:
    """`item in container`: an element of a list, or a key of a map."""
    if is_map(container):
        pay_for_key(item, scope)
        return holds_key(container, item) or need_known(item)
    if is_list(container):
        scope.spend(1 + len(container) // COMPARED_A_STEP)
        if type(item) in TEXTS and len(item) >= TEXT_A_STEP:
            alike = sum(type(element) is type(item) and len(element) == len(item) for element in container)
            scope.spend(alike * len(item) // TEXT_A_STEP)
        if type(item) is str and type(container) is list:
            # Python's own search is right for text, which equals nothing but text
            return item in container or bool(item and need_known(item, *container))
        return any(equal(item, element, scope) for element in container)
    hint = "for text: x.contains(y)" if type(container) is str else "what follows 'in' is a list or a map"
    raise Fault(f"'in' can't look into {name_of(container)}", hint)
