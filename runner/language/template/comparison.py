"""Comparing JSON values within the budget: equality, order, membership, and what can be sorted."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from runner.ground.errors import TemplateError
from runner.language.template.budget import TEXT_PER_UNIT, Budget
from runner.language.template.json_value import MAX_NESTING, described, refuse
from runner.language.template.operators import is_number


def equal(budget: Budget, left: Any, right: Any, depth: int = 0) -> bool:
    """Equality of JSON values: 1 is 1.0, true is not 1."""
    if isinstance(left, bool) or isinstance(right, bool) or left is None or right is None:
        return left is right
    if is_number(left) and is_number(right):
        return bool(left == right)
    if isinstance(left, str) and isinstance(right, str):
        budget.spend(1 + min(len(left), len(right)) // TEXT_PER_UNIT)
        return str(left) == str(right)
    if depth > MAX_NESTING:
        raise TemplateError(f"the values are nested more than {MAX_NESTING} deep")
    if isinstance(left, list | tuple | range) and isinstance(right, list | tuple | range):
        return _equal_lists(budget, left, right, depth)
    if isinstance(left, dict) and isinstance(right, dict):
        return _equal_objects(budget, left, right, depth)
    return False


def contains(budget: Budget, value: Any, container: Any) -> bool:
    """`value in container`: a part of a text, an item of a list, a key of an object."""
    if isinstance(container, str) and isinstance(value, str):
        budget.spend(1 + len(container) // TEXT_PER_UNIT)
        return value in container
    if isinstance(container, dict) and isinstance(value, str):
        return value in container
    if isinstance(container, list | tuple | range):
        budget.spend(1 + len(container))
        return any(equal(budget, item, value) for item in container)
    raise TemplateError(f"{described(value)} cannot be in {described(container)}")


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Budget, Any, Any], bool]:
    def apply(budget: Budget, left: Any, right: Any) -> bool:
        if is_number(left) and is_number(right):
            return compare(left, right)
        if isinstance(left, str) and isinstance(right, str):
            budget.spend(1 + min(len(left), len(right)) // TEXT_PER_UNIT)
            return compare(left, right)
        raise TemplateError(f"{described(left)} and {described(right)} have no order")

    return apply


COMPARISONS: Mapping[str, Callable[[Budget, Any, Any], bool]] = {
    "eq": equal,
    "ne": lambda budget, left, right: not equal(budget, left, right),
    "lt": _ordered(operator.lt),
    "lteq": _ordered(operator.le),
    "gt": _ordered(operator.gt),
    "gteq": _ordered(operator.ge),
    "in": contains,
    "notin": lambda budget, value, container: not contains(budget, value, container),
}


def compared(budget: Budget, left: Any, *rest: Any) -> bool:
    """A chain of comparisons, `a < b <= c`: after `left` come an operator's name and its right side, in turn."""
    for name, right in zip(rest[::2], rest[1::2], strict=True):
        if not COMPARISONS[name](budget, left, right):
            return False
        left = right
    return True


def sort_keys(budget: Budget, values: Sequence[Any], case_sensitive: bool) -> list[Any]:
    """The values as keys to sort by: all numbers, or all texts."""
    budget.spend(4 * len(values))
    if all(map(is_number, values)):
        return list(values)
    if all(isinstance(value, str) for value in values):
        budget.spend(sum(map(len, values)) // TEXT_PER_UNIT)
        return list(values) if case_sensitive else [value.lower() for value in values]
    raise TemplateError(
        f"{' and '.join(_kinds(values))} cannot be sorted", hint="sort numbers or texts, or by `attribute`"
    )


def identity(budget: Budget, value: Any, case_sensitive: bool) -> Any:
    """A key under which equal values fall together: a text, a number, true, false or null."""
    if isinstance(value, str):
        budget.spend(1 + len(value) // TEXT_PER_UNIT)
        return value if case_sensitive else value.lower()
    if value is None or isinstance(value, bool):
        return (str(value),)
    if is_number(value):
        return value
    if not isinstance(value, list | tuple | dict | range):
        refuse(value)
    raise TemplateError(f"{described(value)} cannot be grouped", hint="give the `attribute` to group by")


def _kinds(values: Iterable[Any]) -> list[str]:
    return list(dict.fromkeys(described(value) for value in values))


def _equal_lists(budget: Budget, left: Sequence[Any], right: Sequence[Any], depth: int) -> bool:
    if len(left) != len(right):
        return False
    budget.spend(4 + len(left))
    return all(equal(budget, one, other, depth + 1) for one, other in zip(left, right, strict=True))


def _equal_objects(budget: Budget, left: Mapping[str, Any], right: Mapping[str, Any], depth: int) -> bool:
    if left.keys() != right.keys():
        return False
    budget.spend(4 + len(left))
    return all(equal(budget, value, right[key], depth + 1) for key, value in left.items())
