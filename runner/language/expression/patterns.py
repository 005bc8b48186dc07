"""Regular expressions: those of RE2, which take a time in proportion to the text."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from runner.language.expression.faults import Fault
from runner.language.expression.limits import MAX_PATTERN, PATTERN_MEMORY


def matches(text: str, pattern: str) -> bool:
    """Whether a part of the text fits the pattern."""
    try:
        return search_of(pattern)(text) is not None
    except UnicodeEncodeError:
        raise Fault("this text holds half a character, and has no form in UTF-8") from None


@lru_cache(maxsize=64)
def search_of(pattern: str) -> Callable[[str], Any]:
    """What searches a text for the pattern. A fault, if that is none."""
    import re2  # noqa: PLC0415 - a C++ library that most files have no use for

    if len(pattern) > MAX_PATTERN:
        raise Fault(f"a pattern may have {MAX_PATTERN} characters at most", "use startsWith(), contains() or `in`")
    options = re2.Options()
    options.log_errors = False
    options.max_mem = PATTERN_MEMORY
    try:
        search: Callable[[str], Any] = re2.compile(pattern, options).search
    except re2.error as error:
        reason = error.args[0].decode(errors="replace")
        hint = r'patterns are those of RE2: no look-around, no \1; write r"…" to keep backslashes'
        raise Fault(f"this is not a pattern: {reason}", hint) from None
    return search
