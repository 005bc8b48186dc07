"""What holds of JSON values, within the budget: the comparisons `==`, `<`, `in`, and the tests, `x is odd`."""

from __future__ import annotations

import operator
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from jinja2.tests import TESTS as JINJA

from runner.ground.errors import TemplateError
from runner.language.secret_text import holds_secret
from runner.language.template.budget import TEXT_PER_UNIT, Budget
from runner.language.template.json_value import MAX_NESTING, described, plain_in, refuse_secrets
from runner.language.template.lookup import Missing
from runner.language.template.operators import is_number, modulo


def equal(budget: Budget, left: Any, right: Any, depth: int = 0) -> bool:
    """Equality of JSON values: 1 is 1.0, true is not 1."""
    if isinstance(left, bool) or isinstance(right, bool) or left is None or right is None:
        return left is right
    if is_number(left) and is_number(right):
        return bool(left == right)
    if isinstance(left, str) and isinstance(right, str):
        budget.spend(1 + min(len(left), len(right)) // TEXT_PER_UNIT)
        if left and right and left != right:
            refuse_secrets(left, right)
        return str(left) == str(right)
    if depth > MAX_NESTING:
        raise TemplateError(f"the values are nested more than {MAX_NESTING} deep")
    if isinstance(left, list | tuple | range) and isinstance(right, list | tuple | range):
        return len(left) == len(right) and _equal_items(budget, left, right, depth)
    if isinstance(left, dict) and isinstance(right, dict):
        return _equal_objects(budget, left, right, depth)
    return False


def _equal_objects(budget: Budget, left: dict[str, Any], right: dict[str, Any], depth: int) -> bool:
    if left.keys() != right.keys():
        refuse_secrets(*left, *right)
        return False
    return _equal_items(budget, left.values(), map(right.__getitem__, left), depth)


def _equal_items(budget: Budget, left: Collection[Any], right: Iterable[Any], depth: int) -> bool:
    budget.spend(4 + len(left))
    return all(equal(budget, one, other, depth + 1) for one, other in zip(left, right, strict=True))


def contains(budget: Budget, value: Any, container: Any) -> bool:
    """`value in container`: a part of a text, an item of a list, a key of an object."""
    if isinstance(container, str) and isinstance(value, str):
        budget.spend(1 + len(container) // TEXT_PER_UNIT)
        return _is_part(value, container)
    if isinstance(container, dict) and isinstance(value, str):
        if value not in container:
            refuse_secrets(value, *container)
        return value in container
    if isinstance(container, list | tuple | range):
        budget.spend(1 + len(container))
        return any(equal(budget, item, value) for item in container)
    raise TemplateError(f"{described(value)} cannot be in {described(container)}")


def _is_part(value: str, container: str) -> bool:
    """Whether a text is a part of another. Raises TemplateError where a secret leaves that open."""
    if value in ("", container) or not container:
        return not value or value == container
    if value not in container or not holds_secret(value):
        refuse_secrets(value, container)
    return value in container


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Budget, Any, Any], bool]:
    def apply(budget: Budget, left: Any, right: Any) -> bool:
        if is_number(left) and is_number(right):
            return compare(left, right)
        if isinstance(left, str) and isinstance(right, str):
            budget.spend(1 + min(len(left), len(right)) // TEXT_PER_UNIT)
            refuse_secrets(left, right)
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


def _is(judge: Any) -> Callable[..., bool]:
    return lambda _budget, value: judge(value)


def _divisible(budget: Budget, value: Any, by: Any) -> bool:
    return bool(modulo(budget, value, by) == 0)


_OF_JINJA = ("boolean", "false", "float", "integer", "iterable", "mapping", "none", "string", "true")

PREDICATES: Mapping[str, Callable[..., bool]] = {
    **{name: _is(JINJA[name]) for name in _OF_JINJA},
    "defined": _is(lambda value: not isinstance(value, Missing)),
    "undefined": _is(lambda value: isinstance(value, Missing)),
    "number": _is(is_number),
    "sequence": _is(lambda value: isinstance(value, str | list | tuple | range)),
    "lower": lambda budget, value: plain_in(budget, value, "`is lower`").islower(),
    "upper": lambda budget, value: plain_in(budget, value, "`is upper`").isupper(),
    "odd": lambda budget, value: not _divisible(budget, value, 2),
    "even": lambda budget, value: _divisible(budget, value, 2),
    "divisibleby": _divisible,
    "in": COMPARISONS["in"],
    **dict.fromkeys(("eq", "equalto", "=="), COMPARISONS["eq"]),
    **dict.fromkeys(("ne", "!="), COMPARISONS["ne"]),
    **dict.fromkeys(("lt", "lessthan", "<"), COMPARISONS["lt"]),
    **dict.fromkeys(("le", "<="), COMPARISONS["lteq"]),
    **dict.fromkeys(("gt", "greaterthan", ">"), COMPARISONS["gt"]),
    **dict.fromkeys(("ge", ">="), COMPARISONS["gteq"]),
}
