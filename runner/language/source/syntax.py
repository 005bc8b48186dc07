"""What ruamel.yaml says about text that is no YAML, in words that say what to do."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from ruamel.yaml.error import MarkedYAMLError

from runner.ground.errors import Problem
from runner.language.source import slips
from runner.language.source.text import Text

_KEY = re.compile(r"""\s*(?:- +)*(?:[\w.-]+|'[^']*'|"[^"]*")\s*""")


def problem(text: Text, error: MarkedYAMLError) -> Problem:
    """The mistake behind an error of the scanner or parser."""
    at = _index(error.problem_mark, _index(error.context_mark, 0))
    opened = _index(error.context_mark, at)
    entry = slips.entry_at(text, at)
    if entry and entry.written.startswith(("!", "&", "*")):
        return _indicator(text, entry.start, entry.start)
    said = f"{error.context or ''}: {error.problem or ''}"
    for pattern, explain in _EXPLANATIONS:
        if re.search(pattern, said, re.DOTALL):
            return explain(text, at, opened)
    return text.problem(f"this is not valid YAML: {error.problem or error.context}", at, hint=_quotes(text, at))


def _index(mark: Any, otherwise: int) -> int:
    return otherwise if mark is None else int(mark.index)


def _quotes(text: Text, at: int) -> str:
    """The advice to quote the entry at `at`, if quotes could mend it."""
    entry = slips.entry_at(text, at)
    return slips.put_in_quotes(entry.key, entry.written) if entry else ""


def _before(text: Text, at: int) -> str:
    return text.text[text.line_start(at) : at]


def _second_colon(text: Text, at: int, opened: int) -> Problem:
    if not _KEY.fullmatch(_before(text, at)):
        return text.problem("an unquoted value can't hold ': '", at, hint=_quotes(text, at))
    start = text.line_start(at) + len(_before(text, at)) - len(_before(text, at).lstrip(" -"))
    return text.problem(
        "a key can't stand here: the value above it is complete", start, at, "indent keys of one mapping alike"
    )


def _beyond(text: Text, at: int, opened: int) -> Problem:
    """Something after a value that is already complete, on its line or below."""
    if _before(text, at).strip(" -"):
        return text.problem("YAML ends the value before this", at, text.line_end(at), _quotes(text, at))
    if text.place(at).column != text.place(opened).column:
        return _misindented(text, at)
    if text.text.startswith("- ", at):
        return text.problem("a list item can't stand among the keys of a mapping", at, text.line_end(at))
    return text.problem("only list items ('- ') can follow a list item", at, text.line_end(at))


def _misindented(text: Text, at: int) -> Problem:
    return text.problem("the indentation of this line fits no level above it", at, text.line_end(at))


def _unclosed_or_beyond(text: Text, at: int, opened: int) -> Problem:
    bracket = text.text[opened]
    if text.line_start(at) != text.line_start(opened) or at >= len(text.text.rstrip()):
        closer = {"[": "]", "{": "}"}[bracket]
        return text.problem(f"this '{bracket}' is not closed", opened, hint=f"add '{closer}'")
    return text.problem("expected ',' or a closing bracket here", at, hint=_quotes(text, at))


def _missing_content(text: Text, at: int, opened: int) -> Problem:
    bracket = max(text.text.rfind("[", 0, at), text.text.rfind("{", 0, at))
    if at >= len(text.text.rstrip()) and bracket >= 0:
        return _unclosed_or_beyond(text, at, bracket)
    return text.problem("a value is missing before this", at, hint=_quotes(text, at))


def _cannot_start(text: Text, at: int, opened: int) -> Problem:
    character = text.text[at]
    if character == "\t":
        return text.problem("YAML can't be indented or aligned by tabs", at, hint="use spaces")
    return text.problem(f"an unquoted value can't begin with '{character}'", at, hint=_quotes(text, at))


def _no_colon(text: Text, at: int, opened: int) -> Problem:
    return text.problem(
        "expected 'key: value' here", opened, text.line_end(opened), "a text of several lines needs '|' after its key"
    )


def _unclosed_quote(text: Text, at: int, opened: int) -> Problem:
    return text.problem("the quote that opens here is not closed", opened)


def _block_header(text: Text, at: int, opened: int) -> Problem:
    mark = text.text[opened]
    quotes = _quotes(text, opened)
    hint = "start the text on the next line" + (f", or {quotes}" if quotes else "")
    return text.problem(f"YAML expects the end of the line after '{mark}'", at, hint=hint)


def _indicator(text: Text, at: int, opened: int) -> Problem:
    character = text.text[opened]
    return text.problem(f"an unquoted value can't begin with '{character}'", opened, hint=_quotes(text, opened))


def _bad_escape(text: Text, at: int, opened: int) -> Problem:
    start = max(text.text.rfind("\\", opened, at + 1), opened)
    return text.problem(
        "no such escape in double quotes", start, at + 1, "write '\\\\' for a backslash, or use single quotes"
    )


def _list_item(text: Text, at: int, opened: int) -> Problem:
    return text.problem("a list item can't stand on the line of its key", at, hint="start it on the next line")


def _after_document(text: Text, at: int, opened: int) -> Problem:
    if _before(text, at):
        return _misindented(text, at)
    return text.problem("the document is complete before this", at, text.line_end(at))


_EXPLANATIONS: tuple[tuple[str, Callable[[Text, int, int], Problem]], ...] = (
    (r"mapping (?:values|keys) are not allowed here", _second_colon),
    (r"expected <block end>", _beyond),
    (r"expected ',' or", _unclosed_or_beyond),
    (r"expected the node content", _missing_content),
    (r"cannot start any token", _cannot_start),
    (r"could not find expected ':'", _no_colon),
    (r"quoted scalar: found unexpected", _unclosed_quote),
    (r"block scalar: expected", _block_header),
    (r"an (?:alias|anchor): expected", _indicator),
    (r"double-quoted scalar: ", _bad_escape),
    (r"sequence entries are not allowed", _list_item),
    (r"expected '<document start>'|after document end", _after_document),
)
