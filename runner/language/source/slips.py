"""Unquoted text that YAML reads as something else: told from what was meant, with the quotes that mend it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from itertools import chain
from typing import NamedTuple

from runner.ground import resources
from runner.ground.json_value import Json
from runner.language.source.scalars import balanced, quoted
from runner.language.source.text import Text

LONGEST_ADVICE = 200
"""Characters of a line beyond which no advice is worked out for it: it would not be read."""

_UNFINISHED = re.compile(r"(?:[-=<>!&|+*/%?:]|\bin)$")
_ENTRY = re.compile(r"""\s*(?:- +)*(?P<key>[\w.-]+|'[^']*'|"[^"]*"): +(?P<rest>\S.*)""")
_CLOSED_BEFORE = re.compile(r"""(?P<quote>['"])[^'"]*[^\s(\[{=<>,+'"](?P=quote)[^\w'"]""")
"""A text in quotes that something follows, such as `"a" == b`: its quotes are its own, not the value's."""
_BLOCK_ENTRY = re.compile(r"\s*(?:(?:- +)+(?:[\w.-]+: +)?|[\w.-]+: +)(?P<value>\S)")
"""The beginning of a line that is an entry of a block; a bracket within its value is text, unless it begins it."""

_FLOW_ITEM = re.compile(r"\s*(?P<rest>\S.*)")
_ITEM = re.compile(r"\s*(?:- +)+(?P<rest>\S.*)")


@cache
def _expression_keys() -> frozenset[str]:
    """The keys whose values are expressions, by what the shipped schemas say of them. Read only where a slip may be."""
    files = resources.data("schemas").rglob("*.json")
    return frozenset(key for file in files for key in _taking_expressions(json.loads(file.read_text(encoding="utf-8"))))


def _taking_expressions(schema: Json) -> Iterator[str]:
    if isinstance(schema, list):
        yield from chain.from_iterable(map(_taking_expressions, schema))
    elif isinstance(schema, dict):
        for key, part in schema.items():
            if isinstance(part, dict) and (
                str(part.get("$ref", "")).endswith("/expression") or part.get("$comment") == "expression"
            ):
                yield key
            yield from _taking_expressions(part)


class Slip(NamedTuple):
    message: str
    hint: str


class Entry(NamedTuple):
    """A value as written, where it starts, and its key (none in a list)."""

    key: str | None
    start: int
    written: str


def put_in_quotes(key: str | None, written: str) -> str:
    """The advice to quote a value, showing how; none when it is too long to show."""
    if not written or len(written) > LONGEST_ADVICE:
        return ""
    value = _requoted(written)
    return f"put it in quotes: {key}: {value}" if key else f"put it in quotes: {value}"


def _requoted(written: str) -> str:
    """The text in quotes; in others if it had some, and has them in itself."""
    quote, inner = written[0], written[1:-1]
    if quote not in "'\"" or written[-1] != quote or len(written) == 1 or _CLOSED_BEFORE.match(written):
        return quoted(written)
    if quote == "'":
        return quoted(inner.replace("''", "'"))
    return quoted(inner) if "\\" not in inner else '"' + re.sub(r"\\.|\"", _escaped, inner) + '"'


def _escaped(found: re.Match[str]) -> str:
    return '\\"' if found[0] == '"' else found[0]


def bare_template(text: Text, key: str | None, start: int) -> Slip | None:
    """`{{ x }}` without quotes, which is a mapping to YAML."""
    if not text.text.startswith("{{", start):
        return None
    return Slip("YAML reads unquoted braces as a mapping", put_in_quotes(key, written(text, start)))


def cut_short(text: Text, key: str | None, start: int, end: int) -> Slip | None:
    """An unquoted value that ends sooner than it should: at ` #`, a comment to YAML, or at a comma between braces."""
    follows = text.text[end : text.line_end(end)].lstrip(" ")[:3] if text.text[end : end + 1] in (" ", ",") else ""
    if follows[:1] not in ("#", ",") or not follows:
        return None
    value = text.text[start:end]
    is_cut = value.count("{{") > value.count("}}") or follows == "#{{"
    if key in _expression_keys():
        is_cut = is_cut or not balanced(value) or bool(_UNFINISHED.search(value))
    if not is_cut:
        return None
    if follows[0] == "#":
        return Slip("YAML takes ' #' and what follows as a comment", put_in_quotes(key, _whole_line(text, start)))
    return Slip("YAML ends an unquoted value at a comma here", put_in_quotes(key, written(text, start)))


def _whole_line(text: Text, start: int) -> str:
    """From `start` to the end of the line; nothing if that is too long to show."""
    line = text.text[start : min(text.line_end(start), start + LONGEST_ADVICE + 1)].rstrip()
    return line if len(line) <= LONGEST_ADVICE else ""


def written(text: Text, start: int) -> str:
    """What was meant as one value, by the look of it: up to the end of its line, or of its entry between brackets."""
    line = _whole_line(text, start)
    in_brackets = bool(_entry_starts(text.text[text.line_start(start) : start]))
    if end := _end_of_quoted(line, in_brackets):
        return line[:end]
    if in_brackets:
        for match in re.finditer(r"[,\]}]", line):
            if balanced(line[: match.start()]):
                return line[: match.start()].rstrip()
    return re.split(r"\s#", line)[0].rstrip()


def _end_of_quoted(line: str, in_brackets: bool) -> int:
    """Where a value ends that begins with a quote, by what follows the last of them; 0 where that is unclear."""
    if line[:1] not in ("'", '"'):
        return 0
    follows = r"\s*(?:[\]}]|,\s*(?:[\w.-]+:|['\"\[{])|$)" if in_brackets else r"\s*(?:\s#.*)?$"
    ends = (match.end() for match in re.finditer(rf"(?<!^){line[0]}(?={follows})", line))
    return next((end for end in ends if _even(line[:end])), 0)


def _even(text: str) -> bool:
    """Whether as many brackets are closed as are opened."""
    return all(text.count(opened) == text.count(closed) for opened, closed in ("()", "[]", "{}"))


def entry_at(text: Text, offset: int) -> Entry | None:
    """The entry on the line of `offset`, in the innermost brackets that are open there."""
    line_start = text.line_start(offset)
    starts = _entry_starts(text.text[line_start:offset])
    start = line_start + (starts[-1] if starts else 0)
    end = text.line_end(offset)
    item = _FLOW_ITEM if starts else _ITEM
    match = _ENTRY.match(text.text, start, end) or item.match(text.text, start, end)
    if match is None:
        return None
    return Entry(match.groupdict().get("key"), match.start("rest"), written(text, match.start("rest")))


def _entry_starts(before: str) -> list[int]:
    """For each bracket that is open at the end of `before`, where its latest entry starts."""
    starts: list[int] = []
    entry = _BLOCK_ENTRY.match(before)
    if len(before) > LONGEST_ADVICE or (entry and entry["value"] not in "[{"):
        return starts
    for match in re.finditer(r"""'[^']*'|"(?:\\.|[^"\\])*"|[\[\]{},]""", before):
        character = match.group()
        if character in "[{":
            starts.append(match.end())
        elif starts and character in "]}":
            starts.pop()
        elif starts and character == ",":
            starts[-1] = match.end()
    return starts
