"""JSON values as templates treat them: their names in messages, their text, a copy that shares nothing."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

from runner.ground.errors import TemplateError
from runner.language.template.budget import MAX_TEXT, TEXT_PER_UNIT, Budget, too_long

MAX_NESTING = 100

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


class Unresolved:
    """A stand-in for a value that does not exist; using it is an error."""

    __slots__ = ()

    def fail(self) -> NoReturn:
        """Raise the error that says what does not exist."""
        raise TemplateError("this does not exist")


def described(value: object) -> str:
    """What kind of value this is, in words."""
    return next((words for kind, words in _KINDS if isinstance(value, kind)), "a function")


def copied(value: object, budget: Budget, depth: int = 0) -> Any:
    """`value` as plain JSON: tuples and ranges as lists, no list or object shared. Anything else is a TemplateError."""
    if type(value) in _ATOMS:
        return value
    if isinstance(value, str):
        budget.spend(1 + len(value) // TEXT_PER_UNIT)
        return str(value)
    if isinstance(value, _CONTAINERS):
        return _copied_items(value, budget, depth + 1)
    if isinstance(value, float):
        return _finite(value)
    return int(value) if isinstance(value, int) else refuse(value)


def text_of(value: object, budget: Budget) -> str:
    """A text as it is; anything else as JSON, non-ASCII characters as they are."""
    if isinstance(value, str):
        budget.text(len(value))
        return value
    return str(value) if type(value) is int else json_text(value, budget)


def json_text(value: object, budget: Budget, indent: int | None = None) -> str:
    """`value` as JSON, `, ` and `: ` between; a text in quotes."""
    plain = copied(value, budget)
    if indent is None:
        written = _ON_ONE_LINE.encode(plain)
        budget.text(len(written))
        return written
    return _indented(plain, budget, indent)


def _indented(plain: object, budget: Budget, indent: int) -> str:
    """JSON on several lines, written piece by piece: its length is not known before."""
    pieces = []
    length = 0
    for piece in json.JSONEncoder(ensure_ascii=False, allow_nan=False, indent=indent).iterencode(plain):
        pieces.append(piece)
        length += len(piece)
        if length > MAX_TEXT:
            raise too_long()
        budget.spend(1 + len(piece) // TEXT_PER_UNIT)
    return "".join(pieces)


def refuse(value: object) -> NoReturn:
    """Raise the error for what is no JSON value at all."""
    if isinstance(value, Unresolved):
        value.fail()
    raise TemplateError("a function is not a value", hint="call it: write `()` after its name")


def _copied_items(value: Any, budget: Budget, depth: int) -> Any:
    if depth > MAX_NESTING:
        raise TemplateError(f"the value is nested more than {MAX_NESTING} deep")
    budget.spend(1 + len(value))
    if isinstance(value, dict):
        budget.spend(len(value))
        return {_key(key, budget): copied(item, budget, depth) for key, item in value.items()}
    return [item if type(item) in _ATOMS else copied(item, budget, depth) for item in value]


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise TemplateError(f"{value} is not a number that JSON can hold")
    return value


def _key(key: object, budget: Budget) -> str:
    if not isinstance(key, str):
        raise TemplateError(f"the key of an object must be text, not {described(key)}")
    budget.spend(len(key) // TEXT_PER_UNIT)
    return key
