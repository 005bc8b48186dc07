"""JSON text as a value, strictly: what other readers would understand differently, or not at all, is refused."""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

from runner.ground.json_value import Json
from runner.ground.plain import one_line

MAX_DEPTH = 100

MAX_VALUES = 500_000
"""Values that a text may hold: more would keep the interpreter busy for a second and longer, in whatever thread."""

_SMALLEST, _LARGEST = -(2**63), 2**63 - 1
_LONGEST_NUMBER = 30
_LONGEST_KEY = 80
_TEXTS = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_HALF_A_PAIR = re.compile(r"\\u[dD][89a-fA-F]|[\ud800-\udfff]")


class NotJson(ValueError):
    """Why a text is not JSON, in words that name the place where it is known."""


class TooManyValues(NotJson):
    """A text holds more values than are read."""


def parse_json(text: str) -> Json:
    """The value of a JSON text; a mark of the byte order before it is passed over.

    Raises TooManyValues, and NotJson, also for NaN, repeated keys, integers past 64 bits, half of a character pair,
    deep nesting.
    """
    text = text.removeprefix("\ufeff")
    _refuse_many(text)
    try:
        value = json.loads(
            text, parse_constant=_constant, parse_int=_integer, parse_float=_fraction, object_pairs_hook=_unique
        )
    except json.JSONDecodeError as error:
        raise NotJson(f"line {error.lineno}, column {error.colno}: {error.msg[:1].lower()}{error.msg[1:]}") from error
    except RecursionError as error:
        raise _too_deep() from error
    if _HALF_A_PAIR.search(text):
        _check_characters(value)
    if text.count("[") + text.count("{") > MAX_DEPTH:
        check_depth(value)
    return value


def is_begun_json(text: str) -> bool:
    """Whether a text begins as JSON's objects, lists and texts do: it was meant to be JSON."""
    return text.lstrip("\ufeff \t\r\n").startswith(("{", "[", '"'))


def _refuse_many(text: str) -> None:
    """Count what begins a value, without reading any: within texts too, unless those make the difference."""
    if _count(text) > MAX_VALUES and _count(_TEXTS.sub("", text)) > MAX_VALUES:
        raise TooManyValues(f"it holds more than {MAX_VALUES:,} values, and no more are read")


def _count(text: str) -> int:
    return text.count(",") + text.count("[") + text.count("{")


def _check_characters(value: Json) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise NotJson("it holds half of a character pair, which no text can") from error


def check_depth(value: Json) -> None:
    """Refuse a value that is nested too deep for those who walk it later."""
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [inner for outer in level for inner in _members(outer) if isinstance(inner, (dict, list))]
        if not level:
            return
    raise _too_deep()


def _members(value: Json) -> Any:
    return value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()


def _too_deep() -> NotJson:
    return NotJson(f"it is nested deeper than {MAX_DEPTH} levels")


def _constant(name: str) -> NoReturn:
    raise NotJson(f"{name} is no JSON number")


def _integer(digits: str) -> int:
    if len(digits) > _LONGEST_NUMBER or not _SMALLEST <= (number := int(digits)) <= _LARGEST:
        raise NotJson(f"{_shown(digits)} does not fit 64 bits; give it as text")
    return number


def _shown(digits: str) -> str:
    return f"the number {digits}" if len(digits) <= _LONGEST_NUMBER else f"a number of {len(digits)} digits"


def _fraction(digits: str) -> float:
    number = float(digits)
    if number in (float("inf"), float("-inf")):
        raise NotJson(f"{_shown(digits)} is too large")
    return number


def _unique(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise NotJson(f"the key {_first_repeated(pairs)!r} is given twice")
    return found


def _first_repeated(pairs: list[tuple[str, Json]]) -> str:
    """In a time in proportion to the keys: whoever sends them must not be able to make this one wait."""
    seen: set[str] = set()
    for key, _ in pairs:
        if key in seen:
            break
        seen.add(key)
    return one_line(key, _LONGEST_KEY)
