"""What can be called in a template: the methods of text that are allowed, `range`, `dict`, `namespace`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from jinja2.utils import Namespace

from runner.ground.errors import TemplateError, did_you_mean
from runner.language.template.budget import TEXT_PER_UNIT, Budget
from runner.language.template.json_value import described
from runner.language.template.list_filters import joined_items
from runner.language.template.text_filters import centred, changed, few, need_text, need_whole, replaced, titled

MAX_RANGE = 100_000


class Function(msgspec.Struct, frozen=True):
    """Something callable: its name, and what it does, given the budget and the arguments."""

    name: str
    body: Callable[..., Any]

    def call(self, budget: Budget, args: tuple[Any, ...], named: dict[str, Any]) -> Any:
        """Call it; arguments that do not fit are a TemplateError."""
        try:
            return self.body(budget, *args, **named)
        except (TypeError, ValueError) as error:
            raise TemplateError(f"these arguments do not fit `{self.name}()`") from error


def method(text: str, name: str) -> Function:
    """The method `name` of a text."""
    if name not in METHODS:
        raise TemplateError(f"text has no '{name}'{did_you_mean(name, list(METHODS))}")
    body = METHODS[name]
    return Function(name, lambda budget, *args, **named: body(budget, text, *args, **named))


def _plain(python: Callable[..., Any]) -> Callable[..., Any]:
    """A method of Python's text whose result is no longer than the text, or a number or truth."""

    def apply(budget: Budget, text: str, *args: Any) -> Any:
        budget.text(len(text))
        return python(text, *args)

    return apply


def _splitting(python: Callable[..., Any]) -> Callable[..., list[str]]:
    """A method of Python's text that gives a list."""

    def apply(budget: Budget, text: str, *args: Any, **named: Any) -> list[str]:
        budget.spend(1 + len(text))
        return list(python(text, *args, **named))

    return apply


def _padding(python: Callable[..., str]) -> Callable[..., str]:
    """A method of Python's text that makes it wider."""

    def apply(budget: Budget, text: str, width: Any, *fill: Any) -> str:
        budget.text(max(len(text), need_whole(width, "the width")))
        return python(text, width, *fill)

    return apply


def _join(budget: Budget, separator: str, items: Any) -> str:
    return joined_items(budget, items, separator)


def _affix(python: Callable[..., bool]) -> Callable[..., bool]:
    """A method of Python's text that asks for one of several beginnings or ends."""

    def apply(budget: Budget, text: str, affixes: Any) -> bool:
        asked = affixes if isinstance(affixes, list | tuple) else [affixes]
        budget.spend(1 + len(asked))
        budget.spend(sum(len(need_text(affix, "this method")) for affix in asked) // TEXT_PER_UNIT)
        return python(text, tuple(asked))

    return apply


def _strip(python: Callable[..., str]) -> Callable[..., str]:
    """A method of Python's text that takes characters away at its ends."""

    def apply(budget: Budget, text: str, chars: Any = None) -> str:
        budget.text(len(text))
        return python(text, chars if chars is None else few(chars))

    return apply


METHODS: Mapping[str, Callable[..., Any]] = {
    "capitalize": changed("capitalize", str.capitalize),
    "center": centred,
    "count": _plain(str.count),
    "endswith": _affix(str.endswith),
    "find": _plain(str.find),
    "isalnum": _plain(str.isalnum),
    "isalpha": _plain(str.isalpha),
    "isdigit": _plain(str.isdigit),
    "islower": _plain(str.islower),
    "isnumeric": _plain(str.isnumeric),
    "isspace": _plain(str.isspace),
    "isupper": _plain(str.isupper),
    "join": _join,
    "ljust": _padding(str.ljust),
    "lower": changed("lower", str.lower),
    "lstrip": _strip(str.lstrip),
    "partition": _splitting(str.partition),
    "removeprefix": _plain(str.removeprefix),
    "removesuffix": _plain(str.removesuffix),
    "replace": replaced,
    "rjust": _padding(str.rjust),
    "rstrip": _strip(str.rstrip),
    "split": _splitting(str.split),
    "splitlines": _splitting(str.splitlines),
    "startswith": _affix(str.startswith),
    "strip": _strip(str.strip),
    "title": changed("title", titled),
    "upper": changed("upper", str.upper),
    "zfill": _padding(str.zfill),
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


FUNCTIONS: Mapping[str, Function] = {
    "dict": Function("dict", _object),
    "namespace": Function("namespace", lambda budget, *items, **named: Namespace(_object(budget, *items, **named))),
    "range": Function("range", _range),
}
