"""Templates that only insert values, `{{ state.i }}`: read, and filled in, without Jinja."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import pairwise, takewhile
from typing import Any

import msgspec

from runner.language.reference import Reference

_LITERALS = frozenset({"true", "false", "none", "True", "False", "None", "null", "nil", "undefined"})
_KEYWORDS = frozenset({"and", "or", "not", "if", "elif", "else", "in", "is", "for", "recursive"})
_JINJAS_NAMES = frozenset({"loop", "self", "super", "caller", "varargs", "kwargs", "range", "dict", "namespace"})
_RESERVED = _LITERALS | _KEYWORDS | _JINJAS_NAMES
_OPENING = re.compile(r"\{[{%#]")
_STEP = r"""\.(?!__)[A-Za-z_]\w* | \[(?:0|[1-9]\d{0,8})\] | \["[^"'\\{}\r\n]*"\] | \['[^"'\\{}\r\n]*'\]"""
_INSERTION = re.compile(
    rf"\{{\{{\ *(?P<root>(?!__)[A-Za-z_]\w*)(?P<steps>(?:{_STEP})*)\ *\}}\}}", re.ASCII | re.VERBOSE
)
_STEPS = re.compile(r"""\.(\w+) | \[(\d+)\] | \[["']([^"']*)["']\]""", re.ASCII | re.VERBOSE)


class NotFound(Exception):
    """The data lacks something that the path names."""


class Path(msgspec.Struct, frozen=True):
    """A name of the scope, and the keys and indexes after it."""

    root: str
    steps: tuple[str | int, ...]
    offset: int

    def value(self, data: Mapping[str, Any]) -> Any:
        """The value in `data`; NotFound if it has none."""
        try:
            value = data[self.root]
            for step in self.steps:
                if isinstance(value, str):
                    raise NotFound  # Jinja's rules say what a character of a text is
                value = value[step]
        except (LookupError, TypeError) as error:
            raise NotFound from error
        return value

    @property
    def reference(self) -> Reference:
        """What this refers to, as far as the keys go."""
        keys: Iterable[Any] = takewhile(lambda step: isinstance(step, str), self.steps)
        return Reference((self.root, *keys), self.offset)


def insertions(source: str) -> tuple[str | Path, ...] | None:
    """The text and paths that `source` is made of; nothing if it needs more than that."""
    parts: list[str | Path] = []
    end = 0
    while opening := _OPENING.search(source, end):
        found = _INSERTION.match(source, opening.start())
        if found is None or found["root"] in _RESERVED:
            return None
        parts += [source[end : found.start()], Path(found["root"], _steps(found["steps"]), found.start("root"))]
        end = found.end()
    return tuple(part for part in (*parts, source[end:]) if part)


def pieces(source: str) -> list[str]:
    """What a source is made of that only inserts values: in turn its own text, and what is filled in."""
    ends = [end for found in _INSERTION.finditer(source) for end in found.span()]
    return [source[start:end] for start, end in pairwise([0, *ends, len(source)])]


def _steps(written: str) -> tuple[str | int, ...]:
    return tuple(int(index) if index else name or key for name, index, key in _STEPS.findall(written))
