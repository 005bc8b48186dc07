"""What can be called in a template: the methods of text that are allowed, `range`, `dict`, `namespace`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from jinja2.utils import Namespace

from runner.ground.errors import TemplateError
from runner.language.template.budget import TEXT_PER_UNIT, Budget
from runner.language.template.filters import FILTERS, charged, on_plain
from runner.language.template.json_value import described, need_text, need_whole
from runner.language.template.scalar_filters import stripping

MAX_RANGE = 100_000


class TemplateFunction(msgspec.Struct, frozen=True):
    """Something callable: its name, and what it does, given the budget and the arguments."""

    name: str
    body: Callable[..., Any]

    def call(self, budget: Budget, args: tuple[Any, ...], named: dict[str, Any]) -> Any:
        """Call it; arguments that do not fit are a TemplateError."""
        try:
            return self.body(budget, *args, **named)
        except (TypeError, ValueError) as error:
            raise TemplateError(f"these arguments do not fit `{self.name}()`") from error


def method(text: str, name: str) -> TemplateFunction:
    """The method `name` of a text."""
    body = METHODS[name]
    return TemplateFunction(name, lambda budget, *args, **named: body(budget, text, *args, **named))


def _padding(python: Callable[..., str]) -> Callable[..., str]:
    """A method of Python's text that makes it wider."""

    def apply(budget: Budget, text: str, width: Any, *fill: Any) -> str:
        budget.text(max(len(text), need_whole(width, "the width")))
        return python(text, width, *fill)

    return apply


def _affix(python: Callable[..., bool]) -> Callable[..., bool]:
    """A method of Python's text that asks for one of several beginnings or ends."""

    def apply(budget: Budget, text: str, affixes: Any) -> bool:
        asked = affixes if isinstance(affixes, list | tuple) else [affixes]
        budget.spend(1 + len(asked))
        budget.spend(sum(len(need_text(affix, "this method")) for affix in asked) // TEXT_PER_UNIT)
        return python(text, tuple(asked))

    return apply


_AS_FILTERS = ("capitalize", "center", "lower", "replace", "title", "upper")
_ASKING = ("count", "find", "isalnum", "isalpha", "isdigit", "islower", "isnumeric", "isspace", "isupper")
_TAKING_APART = ("partition", "removeprefix", "removesuffix", "split", "splitlines")

_METHODS: Mapping[str, Callable[..., Any]] = {
    **{name: FILTERS[name] for name in _AS_FILTERS},
    **{name: charged(getattr(str, name), name) for name in (*_ASKING, *_TAKING_APART)},
    **{name: _affix(getattr(str, name)) for name in ("startswith", "endswith")},
    **{name: _padding(getattr(str, name)) for name in ("ljust", "rjust", "zfill")},
    **{name: stripping(getattr(str, name), name) for name in ("lstrip", "rstrip", "strip")},
}

METHODS: Mapping[str, Callable[..., Any]] = {
    **{name: on_plain(apply) for name, apply in _METHODS.items()},
    "join": lambda budget, separator, items: FILTERS["join"](budget, items, separator),
}


def _range(budget: Budget, first: int, *bounds: int) -> range:
    numbers = range(first, *bounds)
    if len(numbers) > MAX_RANGE:
        raise TemplateError(f"`range()` goes through at most {MAX_RANGE:,} numbers")
    budget.spend(1)
    return numbers


def _object(budget: Budget, items: Any = None, /, **named: Any) -> dict[str, Any]:
    if items is not None and not isinstance(items, dict):
        raise TemplateError(f"`dict()` needs an object, not {described(items)}")
    budget.spend(len(items or ()) + len(named))
    return {**(items or {}), **named}


FUNCTIONS: Mapping[str, TemplateFunction] = {
    "dict": TemplateFunction("dict", _object),
    "namespace": TemplateFunction(
        "namespace", lambda budget, *items, **named: Namespace(_object(budget, *items, **named))
    ),
    "range": TemplateFunction("range", _range),
}
