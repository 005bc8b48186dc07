"""JSON values, types and paths in words."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence

from runner.ground.json_value import Json
from runner.language.schema.linked import settled

LONGEST_SHOWN = 60
MOST_NAMED = 12

_PLAIN = re.compile(r"[A-Za-z_$][\w$-]*")
_ONE = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "null",
    "array": "a list",
    "object": "a mapping",
}
_MANY = {
    "string": "strings",
    "integer": "whole numbers",
    "number": "numbers",
    "boolean": "true or false",
    "array": "lists",
    "object": "mappings",
}


def shown(value: Json) -> str:
    """A value as a message names it; long text is cut."""
    if isinstance(value, bool) or value is None:
        return json.dumps(value)
    if isinstance(value, int | float):
        return f"the number {value}"
    if isinstance(value, str):
        cut = value if len(value) <= LONGEST_SHOWN else value[:LONGEST_SHOWN] + "…"
        return json.dumps(cut, ensure_ascii=False)
    if isinstance(value, Mapping):
        return "a mapping" if value else "an empty mapping"
    return "a list" if value else "an empty list"


def kind(value: Json) -> str:
    """A value's type, for messages that must not show the value."""
    if isinstance(value, str):
        return "text"
    return shown(value) if value is None or isinstance(value, list | Mapping) else "another value"


def one_of(values: Iterable[Json]) -> str:
    """The values that are allowed: `"low", "high" or null`."""
    named = literals(values)
    return either(named) if len(named) <= MOST_NAMED else f"{', '.join(named[:MOST_NAMED])} …"


def literals(values: Iterable[Json]) -> list[str]:
    return [json.dumps(value, ensure_ascii=False)[:LONGEST_SHOWN] for value in values]


def either(words: Sequence[str]) -> str:
    """`a, b or c`."""
    return " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def both(words: Sequence[str]) -> str:
    """`a, b and c`."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def types(schema: Mapping[str, Json]) -> list[str]:
    """What a schema's `type` asks for: `a list of strings`, or `a number` and `null`."""
    names = schema.get("type", [])
    return [_a_type(name, schema) for name in ([names] if isinstance(names, str) else names)]


def _a_type(name: str, schema: Mapping[str, Json]) -> str:
    items = settled(schema.get("items", True)) if name == "array" else True
    inner = items.get("type") if isinstance(items, dict) else None
    return f"a list of {_MANY[inner]}" if isinstance(inner, str) and inner in _MANY else _ONE[name]


def path_text(path: Iterable[str | int]) -> str:
    """A path as one writes it: `items[2].score`."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif _PLAIN.fullmatch(step):
            text += f".{step}" if text else step
        else:
            text += f"[{json.dumps(step[:LONGEST_SHOWN], ensure_ascii=False)}]"
    return text


def count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
