"""Writes data as YAML that people read and compare: a line for each value, long texts as blocks, nothing folded."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping

from runner.ground.json_value import Json
from runner.language.source import scalars

DEEPEST = 40
"""Levels of a value that are written one inside the other; YAML that is read has a bound."""

_STEP = "  "
_LONGEST_KEY = 100
_BLOCK = re.compile(r"[^\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff\ufffe\uffff]*")
"""A text that may stand in a block as it is: what else there is in it is escaped, in quotes."""

_ESCAPED = re.compile(r"[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
_PLAIN = re.compile(r"[^\W\d](?:[\w/.#,;()~+=@%*&!?\[\]-]| (?=[\w/.(]))*")
_SIMPLE_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


def written(value: Mapping[str, Json]) -> str:
    """A mapping as a document of YAML. It is read as the very same value: see `is_writable`."""
    return "".join(f"{line}\n" for line in _mapping(value, ""))


def is_writable(value: Json, depth: int = 1) -> bool:
    """Whether a value can be read again from YAML: not where it is deep, or has a number that 64 bits can't hold."""
    if isinstance(value, dict):
        inside = all(is_writable(item, depth + 1) for item in value.values())
        return depth < DEEPEST and inside and all(len(key) <= _LONGEST_KEY for key in value)
    if isinstance(value, list | tuple):
        return depth < DEEPEST and all(is_writable(item, depth + 1) for item in value)
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    return not is_whole or scalars.SMALLEST_INT <= value <= scalars.LARGEST_INT


def _mapping(value: Mapping[str, Json], indent: str) -> Iterator[str]:
    for key, item in value.items():
        yield from _entry(f"{indent}{_key(key)}:", item, indent)


def _entry(head: str, value: Json, indent: str) -> Iterator[str]:
    """A value after its key."""
    if isinstance(value, dict) and value:
        yield head
        yield from _mapping(value, indent + _STEP)
    elif isinstance(value, list | tuple) and value:
        yield head
        yield from _items(value, indent + _STEP)
    else:
        yield from _scalar(head, value, indent)


def _items(items: list[Json] | tuple[Json, ...], indent: str) -> Iterator[str]:
    for item in items:
        if isinstance(item, dict) and item:
            lines = _mapping(item, indent + _STEP)
            first = next(lines)
            yield f"{indent}- {first[len(indent + _STEP) :]}"
            yield from lines
        elif isinstance(item, list | tuple) and item:
            yield f"{indent}-"
            yield from _items(item, indent + _STEP)
        else:
            yield from _scalar(f"{indent}-", item, indent)


def _scalar(head: str, value: Json, indent: str) -> Iterator[str]:
    if isinstance(value, str) and "\n" in value and _is_block(value):
        yield from _block(head, value, indent + _STEP)
    else:
        yield f"{head} {_text(value) if isinstance(value, str) else json.dumps(value)}"


def _is_block(text: str) -> bool:
    """Whether a text of several lines may be a block: one of empty lines alone, or of blanks, would be another."""
    return bool(_BLOCK.fullmatch(text)) and bool(text.strip()) and not text[0].isspace()


def _block(head: str, text: str, indent: str) -> Iterator[str]:
    lines = text.split("\n")
    ends = len(text) - len(text.rstrip("\n"))
    yield f"{head} |{('-', '')[ends] if ends <= 1 else '+'}"
    yield from (f"{indent}{line}" if line else "" for line in (lines[:-1] if ends else lines))


def _key(key: str) -> str:
    return key if _SIMPLE_KEY.fullmatch(key) and isinstance(scalars.resolve(key), str) else _quoted(key)


def _text(text: str) -> str:
    if "\n" in text or not _BLOCK.fullmatch(text):
        return _quoted(text)
    is_plain = _PLAIN.fullmatch(text) and isinstance(scalars.resolve(text), str)
    return text if is_plain else scalars.quoted(text)


def _quoted(text: str) -> str:
    """A text in double quotes, as JSON writes it, but for what YAML does not allow as it is."""
    return _ESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(text, ensure_ascii=False))
