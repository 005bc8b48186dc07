"""Filters on texts and numbers: each knows how large its result gets before it makes it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote, urlencode

from jinja2.filters import do_int, do_round, do_truncate

from runner.ground.errors import TemplateError
from runner.language.template.budget import Budget
from runner.language.template.json_value import described, need_text, need_whole, text_in, text_of
from runner.language.template.lookup import MISSING
from runner.language.template.operators import formatted, in_range, is_number

_MAX_STRIPPED = 200
_DECIMAL = 10
_LONGEST_NUMERAL = 400
_MAX_PRECISION = 15
_MIN_PRECISION = -18


def replaced(budget: Budget, value: Any, old: Any, new: Any, count: Any = None) -> str:
    text, before, after = (need_text(part, "`replace`") for part in (value, old, new))
    times = text.count(before)
    if count is not None:
        times = min(times, need_whole(count, "`replace`"))
    budget.text(len(text) + times * max(0, len(after) - len(before)))
    return text.replace(before, after, times)


def centred(budget: Budget, value: Any, width: Any = 80) -> str:
    text, width = need_text(value, "`center`"), need_whole(width, "`center`")
    budget.text(max(width, len(text)))
    return text.center(width)


def stripping(strip: Callable[..., str], name: str) -> Callable[..., str]:
    """The filter or method that takes blanks, or some characters, away at a text's ends."""
    return lambda budget, value, chars=None: strip(text_in(budget, value, f"`{name}`"), _few(chars))


def truncated(budget: Budget, value: Any, length: Any = 255, killwords: Any = False, end: Any = "...") -> str:
    """At most `length` characters, `end` included. By itself, Jinja's would let five more pass."""
    text, ending = text_in(budget, value, "`truncate`"), need_text(end, "`truncate`")
    most = need_whole(length, "`truncate`", least=len(ending))
    no_environment: Any = None  # which would be asked for the leeway alone
    return do_truncate(no_environment, text, most, bool(killwords), ending, leeway=0)


def wrapped(budget: Budget, value: Any, width: Any = 79, break_long_words: Any = True, wrapstring: Any = "\n") -> str:
    """Lines of at most `width` characters. Jinja's own takes time by the square of a long word's length."""
    text, ending = need_text(value, "`wordwrap`"), need_text(wrapstring, "`wordwrap`")
    longest = need_whole(width, "`wordwrap`", least=1)
    budget.spend(1 + len(text) // 2)
    lines = [line for paragraph in text.splitlines() for line in _lines(paragraph, longest, bool(break_long_words))]
    budget.text(len(text) + len(ending) * len(lines))
    return ending.join(lines)


def indented(budget: Budget, value: Any, width: Any = 4, first: Any = False, blank: Any = False) -> str:
    """Every line moved right by `width` blanks, or by the text `width`. Jinja's own makes every line end a `\\n`."""
    text = need_text(value, "`indent`")
    if not isinstance(width, str):
        budget.text(need_whole(width, "`indent`"))
    margin = width if isinstance(width, str) else " " * width
    budget.text(len(text) + (1 + text.count("\n")) * len(margin))
    lines = text.split("\n")
    moved = [margin + line if line or blank else line for line in lines[1:]]
    return "\n".join([(margin if first else "") + lines[0], *moved])


def filled(budget: Budget, value: Any, *values: Any, **named: Any) -> str:
    return formatted(budget, need_text(value, "`format`"), named or values)


def url_encoded(budget: Budget, value: Any) -> str:
    """Fit for a URL: a text quoted, an object as a query, in which Jinja's own writes `+` and `%2F` for ` ` and `/`."""
    if isinstance(value, dict):
        pairs = [(text_of(budget, key), text_of(budget, item)) for key, item in value.items()]
        result = urlencode(pairs, quote_via=quote)
    else:
        result = quote(text_of(budget, value))
    budget.text(len(result))
    return result


def absolute(_budget: Budget, value: Any) -> Any:
    return in_range(abs(_number(value, "`abs`")))


def whole(_budget: Budget, value: Any, default: Any = MISSING, base: Any = _DECIMAL) -> Any:
    """A whole number: of a fraction what stands before the point, of text what it says; else `default`."""

    def read() -> Any:
        if isinstance(value, str) and base != _DECIMAL:
            return int(value, need_whole(base, "`int`", least=2))
        return do_int(value, MISSING)  # type: ignore[arg-type] # it gives back any default

    return _read(value, read, default, "a whole number")


def fraction(_budget: Budget, value: Any, default: Any = MISSING) -> Any:
    """A number with a fraction, of text what it says; else `default`."""
    return _read(value, lambda: float(value), default, "a number")


def rounded(_budget: Budget, value: Any, precision: Any = 0, method: Any = "common") -> Any:
    """Rounded to `precision` places, by `common`, `ceil` or `floor`."""
    number = float(_number(value, "`round`"))
    if isinstance(precision, bool) or not isinstance(precision, int):
        raise TemplateError("`round` needs a whole number of places")
    if not _MIN_PRECISION <= precision <= _MAX_PRECISION:
        raise TemplateError(f"`round` goes from {_MIN_PRECISION} to {_MAX_PRECISION} places")
    if method not in {"common", "ceil", "floor"}:
        raise TemplateError('`round` knows "common", "ceil" and "floor"')
    return in_range(do_round(number, precision, method))


def _few(chars: object) -> str | None:
    """Characters to strip; Python tries each of them at each place, so they must not be many."""
    if chars is None:
        return None
    text = need_text(chars, "stripping")
    if len(text) > _MAX_STRIPPED:
        raise TemplateError(f"at most {_MAX_STRIPPED} different characters can be stripped")
    return text


def _lines(paragraph: str, width: int, break_long_words: bool) -> Iterator[str]:
    """A paragraph's words in lines of at most `width` characters; an empty one gives one empty line.

    No text is cut twice: a word may have millions of characters.
    """
    longest = width if break_long_words else len(paragraph)
    line: list[str] = []
    length = 0
    for part in (word[at : at + longest] for word in paragraph.split() for at in range(0, len(word), longest)):
        if line and length + 1 + len(part) > width:
            yield " ".join(line)
            line, length = [], 0
        length += len(part) + (1 if line else 0)
        line.append(part)
    yield " ".join(line)


def _read(value: Any, read: Callable[[], Any], default: Any, wanted: str) -> Any:
    try:
        if is_number(value) or (isinstance(value, str) and len(value) <= _LONGEST_NUMERAL):
            return in_range(read())
    except (TemplateError, TypeError, ValueError, OverflowError):
        pass
    if default is not MISSING:
        return default
    shown = f"the text '{value[:40]}'" if isinstance(value, str) else described(value)
    raise TemplateError(f"{shown} is not {wanted}", hint="a default may follow: `int(0)`, `float(0)`")


def _number(value: Any, what: str) -> Any:
    if is_number(value):
        return in_range(value)
    raise TemplateError(f"{what} needs a number, not {described(value)}")
