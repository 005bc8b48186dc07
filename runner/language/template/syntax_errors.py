"""Jinja's complaints about syntax, in our words: what is wrong, where, and what to write instead."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from runner.ground.errors import TemplateError, did_you_mean

TAGS = ("if", "elif", "else", "for", "set", "with", "macro", "call", "filter", "raw", "print")

_CLOSINGS: Mapping[str, str] = {"{{": "}}", "{%": "%}", "{#": "#}"}
_OPENING = re.compile(r"\{[{%#]")
_TOKEN = re.compile(r"\w+|&&?|.", re.DOTALL)
_STRAY_HINTS: Mapping[str, str] = {
    "&": "write `and`",
    "|": "write `or`; one `|` is followed by a filter's name",
    "!": "write `not`",
    "?": "write `a if condition else b`",
    "=": "`==` compares",
    "$": "a value is written `{{ name }}`, without `$`",
    "}": "the tag is closed by two braces, `}}`",
}

_Rewording = Callable[[re.Match[str], str, int], TemplateError]


def reworded(complaint: str, source: str, offset: int) -> TemplateError:
    """The error for Jinja's `complaint` about `source` at `offset`."""
    for pattern, words in _REWORDINGS:
        if found := pattern.search(complaint):
            return words(found, source, offset)
    return _unexpected(source, offset)


def opening_before(source: str, offset: int) -> int:
    """Where the tag begins in which `offset` lies."""
    return max((found.start() for found in _OPENING.finditer(source, 0, offset + 2)), default=0)


def _plain(message: str, hint: str = "") -> _Rewording:
    return lambda _found, _source, offset: TemplateError(message, offset, hint)


def _unexpected(source: str, offset: int) -> TemplateError:
    found = _TOKEN.match(source, offset)
    token = found[0] if found else ""
    if not token.strip():
        return TemplateError("this is not a template", offset)
    hint = _STRAY_HINTS.get(token[0], "")
    if token[0].isalnum():
        hint = "an operator, or a comma, is missing before it"
    return TemplateError(f"'{token[:40]}' is not expected here", offset, hint, width=len(token))


def _unclosed(_found: re.Match[str], source: str, offset: int) -> TemplateError:
    start = opening_before(source, offset)
    opening = source[start : start + 2]
    closing = _CLOSINGS.get(opening, "}}")
    return TemplateError(f"`{opening}` is not closed", start, f"write `{closing}` at its end", width=2)


def _cut_short(_found: re.Match[str], source: str, offset: int) -> TemplateError:
    opening = opening_before(source, offset)
    closing = _CLOSINGS.get(source[opening : opening + 2], "}}")
    if not source[opening + 2 : offset].strip("-+ \n\t"):
        return TemplateError("there is nothing between `{{` and `}}`", opening, "write a name, such as `state.x`")
    return TemplateError(f"something is missing before `{closing}`", offset)


def _unended(found: re.Match[str], source: str, _offset: int) -> TemplateError:
    tag = found[1]
    open_tags: list[int] = []
    for part in re.finditer(rf"\{{%[-+]?\s*(end)?{tag}\b", source):
        open_tags = open_tags[:-1] if part[1] else [*open_tags, part.start()]
    return TemplateError(f"`{{% {tag} … %}}` has no `{{% end{tag} %}}`", open_tags[-1] if open_tags else 0)


def _misplaced(found: re.Match[str], _source: str, offset: int) -> TemplateError:
    message = f"`{{% {found[1]} %}}` comes before `{{% end{found[2]} %}}`"
    return TemplateError(message, offset, "the tag opened last is closed first", width=len(found[1]))


def _unknown_tag(found: re.Match[str], _source: str, offset: int) -> TemplateError:
    tag = found[1]
    if tag in TAGS or tag.startswith("end"):
        return TemplateError(f"`{{% {tag} %}}` belongs to no open tag", offset, width=len(tag))
    hint = f"there is: {', '.join(TAGS)}"
    return TemplateError(f"there is no tag '{tag}'{did_you_mean(tag, TAGS)}", offset, hint, len(tag))


def _unbalanced(found: re.Match[str], _source: str, offset: int) -> TemplateError:
    return TemplateError(f"'{found[1]}' stands where '{found[2]}' is due", offset)


_REWORDINGS: tuple[tuple[re.Pattern[str], _Rewording], ...] = tuple(
    (re.compile(pattern, re.DOTALL), words)
    for pattern, words in (
        (r"too many tokens", _plain("the template is too long", "prepare the data in a step before")),
        (r"Missing end of comment", _unclosed),
        (r"Missing end of raw", _plain("`{% raw %}` has no `{% endraw %}`")),
        (r"Unexpected end of template.*needs to be closed is '(\w+)'", _unended),
        (r"unexpected end of template|'end of template'", _unclosed),
        (r"unknown tag '(\w+)'.*needs to be closed is '(\w+)'", _misplaced),
        (r"unknown tag '(\w+)'", _unknown_tag),
        (r"(?:unexpected|got) 'end of (?:print|statement)", _cut_short),
        (r"tag name expected", _plain("a word must follow `{%`", f"one of: {', '.join(TAGS)}")),
        (r"unexpected '(.)', expected '(.)'", _unbalanced),
        (r"unexpected char [\"'][\"'\\]", _plain("this quote is not closed")),
        (r"can't assign to", _plain("this cannot be set", "only a name can")),
        (r"chain multiple tests", _plain("`and` is missing between two `is`")),
        (r"non-default argument", _plain("an argument without a default comes after one with")),
        (r"expected call", _plain("a macro's call must follow `call`", "write `{% call name() %}`")),
        (r"expected name or number", _plain("a name must follow the dot")),
        (r"for function call", _plain("these arguments are not written right")),
        (r"escape|position \d|unicode", _plain("a backslash begins no escape here", r"write `\\` for a backslash")),
    )
)
