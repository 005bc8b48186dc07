"""Filters on text. Each takes the budget and the text, and knows how long its result gets before it makes it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote, urlencode

from markupsafe import escape

from runner.ground.errors import TemplateError
from runner.language.template.budget import Budget
from runner.language.template.formatting import formatted
from runner.language.template.json_value import described, json_text, text_of

_MAX_INDENT = 8
_MAX_STRIPPED = 200
_WORD_STARTS = re.compile(r"([-\s({\[<]+)")
_GROWTH = 3
"""No character becomes more than three by a change of case."""


def need_text(value: object, what: str) -> str:
    """`value` if it is text; `what` says who asks."""
    if isinstance(value, str):
        return value
    raise TemplateError(f"{what} needs text, not {described(value)}", hint="`| string` makes text of any value")


def need_whole(value: object, what: str, least: int = 0) -> int:
    """`value` if it is a whole number of at least `least`; `what` says who asks."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= least:
        return value
    raise TemplateError(f"{what} needs a whole number from {least}")


def changed(name: str, change: Callable[[str], str]) -> Callable[[Budget, Any], str]:
    """A filter that changes the letters of a text."""

    def apply(budget: Budget, value: Any) -> str:
        text = need_text(value, f"`{name}`")
        budget.text(_GROWTH * len(text))
        return change(text)

    return apply


def titled(text: str) -> str:
    """Every word with a capital."""
    return "".join(part[:1].upper() + part[1:].lower() for part in _WORD_STARTS.split(text))


def replaced(budget: Budget, value: Any, old: Any, new: Any, count: Any = None) -> str:
    """Every `old` (or the first `count`) as `new`."""
    text, before, after = (need_text(part, "`replace`") for part in (value, old, new))
    times = text.count(before)
    if count is not None:
        times = min(times, need_whole(count, "`replace`"))
    budget.text(len(text) + times * max(0, len(after) - len(before)))
    return text.replace(before, after, times)


def trimmed(budget: Budget, value: Any, chars: Any = None) -> str:
    """Without blanks, or the given characters, at both ends."""
    text = need_text(value, "`trim`")
    budget.text(len(text))
    return text.strip(chars if chars is None else few(chars))


def few(chars: object) -> str:
    """Characters to strip; Python tries each of them at each place, so they must not be many."""
    text = need_text(chars, "stripping")
    if len(text) > _MAX_STRIPPED:
        raise TemplateError(f"at most {_MAX_STRIPPED} different characters can be stripped")
    return text


def truncated(budget: Budget, value: Any, length: Any = 255, killwords: Any = False, end: Any = "...") -> str:
    """At most `length` characters, `end` included; whole words unless `killwords`."""
    text, ending = need_text(value, "`truncate`"), need_text(end, "`truncate`")
    most = need_whole(length, "`truncate`", least=len(ending))
    budget.text(len(text))
    if len(text) <= most:
        return text
    cut = text[: most - len(ending)]
    return (cut if killwords else cut.rsplit(" ", 1)[0]) + ending


def wrapped(budget: Budget, value: Any, width: Any = 79, break_long_words: Any = True, wrapstring: Any = "\n") -> str:
    """Lines of at most `width` characters, broken between words."""
    text, ending = need_text(value, "`wordwrap`"), need_text(wrapstring, "`wordwrap`")
    longest = need_whole(width, "`wordwrap`", least=1)
    budget.spend(1 + len(text) // 2)
    lines = [line for paragraph in text.splitlines() for line in _lines(paragraph, longest, bool(break_long_words))]
    budget.text(len(text) + len(ending) * len(lines))
    return ending.join(lines)


def indented(budget: Budget, value: Any, width: Any = 4, first: Any = False, blank: Any = False) -> str:
    """Every line but the first, and blank ones, moved right by `width` blanks (or by the text `width`)."""
    text = need_text(value, "`indent`")
    if not isinstance(width, str):
        budget.text(need_whole(width, "`indent`"))
    margin = width if isinstance(width, str) else " " * width
    budget.text(len(text) + (1 + text.count("\n")) * len(margin))
    lines = text.split("\n")
    moved = [margin + line if line or blank else line for line in lines[1:]]
    return "\n".join([(margin if first else "") + lines[0], *moved])


def centred(budget: Budget, value: Any, width: Any = 80) -> str:
    """In the middle of a line of `width` characters."""
    text, width = need_text(value, "`center`"), need_whole(width, "`center`")
    budget.text(max(width, len(text)))
    return text.center(width)


def word_count(budget: Budget, value: Any) -> int:
    """The number of words."""
    text = need_text(value, "`wordcount`")
    budget.spend(1 + len(text))
    return sum(1 for _ in re.finditer(r"\w+", text))


def filled(budget: Budget, value: Any, *values: Any, **named: Any) -> str:
    """`"%s is %d" | format("x", 3)`."""
    return formatted(budget, need_text(value, "`format`"), named or values)


def escaped(budget: Budget, value: Any) -> str:
    """With `&`, `<`, `>` and quotes as HTML writes them."""
    text = text_of(value, budget)
    result = str(escape(text))
    budget.text(len(result))
    return result


def url_encoded(budget: Budget, value: Any) -> str:
    """Fit for a URL: a text quoted, an object as a query."""
    if isinstance(value, dict):
        pairs = [(text_of(key, budget), text_of(item, budget)) for key, item in value.items()]
        result = urlencode(pairs, quote_via=quote)
    else:
        result = quote(text_of(value, budget))
    budget.text(len(result))
    return result


def as_json(budget: Budget, value: Any, indent: Any = None) -> str:
    """As JSON, on one line, or on several with `indent` blanks a level."""
    if indent is not None and need_whole(indent, "`tojson`") > _MAX_INDENT:
        raise TemplateError(f"`tojson` indents by at most {_MAX_INDENT}")
    return json_text(value, budget, indent)


def as_text(budget: Budget, value: Any) -> str:
    """As text: a text as it is, anything else as JSON."""
    return text_of(value, budget)


def _lines(paragraph: str, width: int, break_long_words: bool) -> Iterator[str]:
    """A paragraph's words in lines of at most `width` characters; an empty one gives one empty line."""
    line: list[str] = []
    length = 0
    for part in _parts(paragraph, width if break_long_words else len(paragraph)):
        if line and length + 1 + len(part) > width:
            yield " ".join(line)
            line, length = [], 0
        length += len(part) + (1 if line else 0)
        line.append(part)
    yield " ".join(line)


def _parts(paragraph: str, longest: int) -> Iterator[str]:
    """The words, those longer than `longest` in parts. No text is cut twice: a word may have millions of characters."""
    for word in paragraph.split():
        for start in range(0, len(word), longest):
            yield word[start : start + longest]
