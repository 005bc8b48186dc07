"""The tests of templates, `x is odd`: each takes the budget and the value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from runner.language.template.budget import Budget
from runner.language.template.comparison import COMPARISONS
from runner.language.template.json_value import Unresolved
from runner.language.template.operators import is_number, remainder
from runner.language.template.text_filters import need_text

Predicate = Callable[..., bool]


def _is(judge: Callable[[Any], bool]) -> Predicate:
    return lambda _budget, value: judge(value)


def _divisible(budget: Budget, value: Any, by: Any) -> bool:
    return bool(remainder(budget, _countable(value), _countable(by)) == 0)


def _countable(value: Any) -> Any:
    """A text is no number: `%` would take it for a format."""
    return None if isinstance(value, str) else value


PREDICATES: Mapping[str, Predicate] = {
    "defined": _is(lambda value: not isinstance(value, Unresolved)),
    "undefined": _is(lambda value: isinstance(value, Unresolved)),
    "none": _is(lambda value: value is None),
    "boolean": _is(lambda value: isinstance(value, bool)),
    "true": _is(lambda value: value is True),
    "false": _is(lambda value: value is False),
    "integer": _is(lambda value: is_number(value) and isinstance(value, int)),
    "float": _is(lambda value: isinstance(value, float)),
    "number": _is(is_number),
    "string": _is(lambda value: isinstance(value, str)),
    "mapping": _is(lambda value: isinstance(value, dict)),
    "sequence": _is(lambda value: isinstance(value, str | list | tuple | range)),
    "iterable": _is(lambda value: isinstance(value, str | list | tuple | range | dict)),
    "lower": _is(lambda value: need_text(value, "`is lower`").islower()),
    "upper": _is(lambda value: need_text(value, "`is upper`").isupper()),
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
