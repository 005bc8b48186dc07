"""JSON values as templates treat them: what kind is needed, their text, a copy that shares nothing."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any, NoReturn

from runner.ground.errors import SecretInTemplate, TemplateError
from runner.language.secret_text import WHOLE_ONLY, WHOLE_ONLY_HINT, holds_secret, in_json
from runner.language.template.budget import TEXT_PER_UNIT, Budget, bounded

MAX_NESTING = 100

_MAX_INDENT = 8
_ON_ONE_LINE = json.JSONEncoder(ensure_ascii=False, allow_nan=False)
_ATOMS = frozenset({bool, int, type(None)})
_CONTAINERS = (dict, list, tuple, range)
_KINDS: tuple[tuple[Any, str], ...] = (
    (type(None), "null"),
    (bool, "true or false"),
    (int | float, "a number"),
    (str, "text"),
    (dict, "an object"),
    (list | tuple | range, "a list"),
)


def described(value: object) -> str:
    """What kind of value this is, in words."""
    return next((words for kind, words in _KINDS if isinstance(value, kind)), "a function")


def need_text(value: object, what: str) -> str:
    """`value` if it is text."""
    if isinstance(value, str):
        return value
    raise TemplateError(f"{what} needs text, not {described(value)}", hint="`| string` makes text of any value")


def refuse_secrets(*values: object) -> None:
    """Raise the error for a text that holds a secret."""
    if any(map(holds_secret, values)):
        raise SecretInTemplate(WHOLE_ONLY, hint=WHOLE_ONLY_HINT)


def need_whole(value: object, what: str, least: int = 0) -> int:
    """`value` if it is a whole number of at least `least`."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= least:
        return value
    raise TemplateError(f"{what} needs a whole number from {least}")


def text_in(budget: Budget, value: object, what: str) -> str:
    """`value` if it is text, paid for."""
    text = need_text(value, what)
    budget.text(len(text))
    return text


def plain_in(budget: Budget, value: object, what: str) -> str:
    """`value` if it is text without a secret, paid for."""
    refuse_secrets(value)
    return text_in(budget, value, what)


def items_in(budget: Budget, value: Any, what: str) -> Sequence[Any]:
    """The items of a list, or the keys of an object, paid for."""
    if isinstance(value, list | tuple | range | dict):
        budget.spend(1 + len(value))
        return list(value) if isinstance(value, dict) else value
    if not isinstance(value, str | int | float | None):
        refuse(value)
    hint = "`| list` gives the characters of a text" if isinstance(value, str) else ""
    raise TemplateError(f"{what} needs a list, not {described(value)}", hint=hint)


def copied(budget: Budget, value: object, depth: int = 0) -> Any:
    """`value` as plain JSON: tuples and ranges as lists, no list or object shared. Anything else is a TemplateError."""
    if type(value) in _ATOMS:
        return value
    if isinstance(value, str):
        budget.spend(1 + len(value) // TEXT_PER_UNIT)
        return str(value)
    if isinstance(value, _CONTAINERS):
        return _copied_items(budget, value, depth + 1)
    if isinstance(value, float):
        if math.isfinite(value):
            return value
        raise TemplateError(f"{value} is not a number that JSON can hold")
    return int(value) if isinstance(value, int) else refuse(value)


def text_of(budget: Budget, value: object) -> str:
    """A text as it is; anything else as JSON, non-ASCII characters as they are."""
    if isinstance(value, str):
        budget.text(len(value))
        return value
    return str(value) if type(value) is int else json_text(budget, value)


def json_text(budget: Budget, value: object, indent: Any = None) -> str:
    """`value` as JSON, `, ` and `: ` between, a text in quotes; with `indent`, on lines moved by so many blanks."""
    if indent is not None and need_whole(indent, "`tojson`") > _MAX_INDENT:
        raise TemplateError(f"`tojson` indents by at most {_MAX_INDENT}")
    plain = copied(budget, value)
    if indent is None:
        written = _ON_ONE_LINE.encode(plain)
    else:
        written = bounded(json.JSONEncoder(ensure_ascii=False, allow_nan=False, indent=indent).iterencode(plain))
    written = in_json(written)
    budget.text(len(written))
    return written


def refuse(value: object) -> NoReturn:
    """Raise the error for what is no JSON value at all."""
    bool(value)  # what does not exist says so itself when it is asked anything
    raise TemplateError("a function is not a value", hint="call it: write `()` after its name")


def _copied_items(budget: Budget, value: Any, depth: int) -> Any:
    if depth > MAX_NESTING:
        raise TemplateError(f"the value is nested more than {MAX_NESTING} deep")
    budget.spend(1 + len(value))
    if isinstance(value, dict):
        budget.spend(len(value))
        return {_key(budget, key): copied(budget, item, depth) for key, item in value.items()}
    return [item if type(item) in _ATOMS else copied(budget, item, depth) for item in value]


def _key(budget: Budget, key: object) -> str:
    if not isinstance(key, str):
        raise TemplateError(f"the key of an object must be text, not {described(key)}")
    budget.spend(len(key) // TEXT_PER_UNIT)
    return key
