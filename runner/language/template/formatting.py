"""`"%s" % x` within the budget: widths and precisions are bounded before anything is written."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from runner.ground.errors import TemplateError
from runner.language.template.budget import TEXT_PER_UNIT, Budget
from runner.language.template.json_value import described, text_of
from runner.language.template.lookup import MISSING, member

_CONVERSION = re.compile(r"%(?:\((?P<key>[^()%]*)\))?(?P<form>[-+ #0]*\d{0,3}(?:\.\d{1,2})?)(?P<type>[sdifeEgGxXo%])|%")
_LENGTH_OF_A_CONVERSION = 1000 + 320
"""The widest field, and the most digits that `%f` gives for the largest number."""


def formatted(budget: Budget, pattern: str, values: Any) -> str:
    """`pattern` with its conversions `%s %d %i %f %e %g %x %o %%` filled in from a list, an object or one value."""
    conversions = list(_CONVERSION.finditer(pattern))
    budget.spend((len(pattern) + _LENGTH_OF_A_CONVERSION * len(conversions)) // TEXT_PER_UNIT)
    positional = _in_order(values)
    pieces = []
    end = 0
    for conversion in conversions:
        pieces += [pattern[end : conversion.start()], _converted(budget, conversion, positional, values)]
        end = conversion.end()
    if isinstance(values, list | tuple) and next(positional, MISSING) is not MISSING:
        raise TemplateError("there are more values than `%` conversions in the text")
    text = "".join([*pieces, pattern[end:]])
    budget.text(len(text))
    return text


def _in_order(values: Any) -> Iterator[Any]:
    return iter(values if isinstance(values, list | tuple) else [values])


def _converted(budget: Budget, conversion: re.Match[str], positional: Iterator[Any], values: Any) -> str:
    form, kind = conversion["form"] or "", conversion["type"]
    if kind is None:
        raise TemplateError("`%` starts no conversion here", hint="write %s for a value, %% for the sign itself")
    if kind == "%":
        return "%"
    value = next(positional, MISSING) if conversion["key"] is None else member(values, conversion["key"])
    if value is MISSING:
        raise TemplateError(f"there is no value for `{conversion[0]}`")
    if kind == "s":
        return f"%{form}s" % text_of(value, budget)
    if isinstance(value, bool) or not isinstance(value, int | float) or (kind in "xXo" and isinstance(value, float)):
        raise TemplateError(f"`{conversion[0]}` needs a number, not {described(value)}", hint="%s takes anything")
    return f"%{form}{kind}" % value
