"""Regular expressions of RE2, bounded by what they can cost: the size of their program times the length of the text."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from msgspec import Struct

MAX_LENGTH = 1000
"""Characters of a pattern."""

MAX_PROGRAM = 10_000
"""Instructions of its program: `.{950}` has 7,600, `\\p{L}` 1,200, an ordinary pattern 5 to 100."""

SECONDS = 0.25
"""How long one search may last that is not sure to be short."""

AT_ONCE = 1 << 24
"""Instructions times bytes that are searched at once: a tenth of a second where RE2 is slowest (7 ns each)."""

MOST = 1 << 30
"""Instructions times bytes that are searched at all; a search that was given up may go on for 7 s in its thread."""

UNITS_A_STEP = 64
"""Instructions times bytes that one step pays for."""

_MEMORY_TO_COMPILE = 1 << 18
"""Bytes: RE2 gives a pattern up as soon as its program outgrows them, so that none takes long to compile."""

_MEMORY_TO_SEARCH = 1 << 23
"""Bytes for what RE2 learns of a text while it searches; with few of them it falls back on its slow way sooner."""

_STEPS_OF_A_REFUSAL = 5_000
_HINT = r"patterns are those of RE2: no look-around, no \1"


class Unusable(Exception):
    """What is no pattern, or one that could cost too much: why, and what to do."""

    def __init__(self, reason: str, hint: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.hint = hint


class TooSlow(Exception):
    """A search was given up: the pattern costs too much on this text."""

    def __init__(self) -> None:
        super().__init__("the pattern takes too long on a text of this length")


class CompiledPattern(Struct, frozen=True):
    """A pattern ready for use. `program` is how many instructions it has."""

    text: str
    program: int
    _search: Callable[[bytes], Any]

    def found_in(self, text: str) -> bool:
        """Whether a part of the text fits. Raises TooSlow; UnicodeEncodeError for half of a character pair."""
        content = text.encode()
        units = self.program * len(content)
        if units <= AT_ONCE:
            return self._search(content) is not None
        if units > MOST:
            raise TooSlow
        return _searched_apart(self._search, content)

    def price(self, text: str) -> int:
        """The steps that a search takes; a long one is bounded by the clock."""
        return 1 + min(self.program * len(text), AT_ONCE) // UNITS_A_STEP + len(text) // UNITS_A_STEP


def pattern_of(text: str) -> CompiledPattern:
    """The pattern that a text is. Raises Unusable."""
    found = _read(text)
    if isinstance(found, Unusable):
        raise found.with_traceback(None)
    return found


def price_to_compile(text: str) -> int:
    """The steps that it takes to make a pattern of a text: none for one that was made a short while ago."""
    known = _read.cache_info().misses
    found = _read(text)
    if _read.cache_info().misses == known:
        return 0
    return _STEPS_OF_A_REFUSAL if isinstance(found, Unusable) else found.program


@lru_cache(maxsize=256)
def _read(text: str) -> CompiledPattern | Unusable:
    """Refusals are kept too, so that none is paid for twice."""
    if len(text) > MAX_LENGTH:
        return Unusable(f"a pattern may have {MAX_LENGTH} characters at most")
    try:
        program = _compiled(text, _MEMORY_TO_COMPILE).programsize
        if program > MAX_PROGRAM:
            return _too_large()
        return CompiledPattern(text, program, _compiled(text, _MEMORY_TO_SEARCH).search)
    except UnicodeEncodeError:
        return Unusable("this is not a pattern: it holds half of a character pair")
    except ValueError as error:
        return _too_large() if "too large" in str(error) else Unusable(f"this is not a pattern: {error}", _HINT)


def _too_large() -> Unusable:
    hint = "repeat less, and fewer kinds of characters; a text's length is better asked for by itself"
    return Unusable(f"this pattern could cost too much: RE2 makes more than {MAX_PROGRAM:,} instructions of it", hint)


def _compiled(text: str, memory: int) -> Any:
    """RE2's own pattern. Raises ValueError with what is wrong."""
    import re2  # noqa: PLC0415 - a C++ library that most files have no use for

    options = re2.Options()
    options.log_errors = False
    options.never_capture = True  # what groups hold is not asked for, and RE2 finds it in its slow way
    options.max_mem = memory
    try:
        return re2.compile(text, options)
    except re2.error as error:
        said = error.args[0]
        raise ValueError(said.decode(errors="replace") if isinstance(said, bytes) else str(said)) from None


_APART = threading.Semaphore(2)
"""No more than two searches run apart: one that was given up runs on to its end."""


def _searched_apart(search: Callable[[bytes], Any], content: bytes) -> bool:
    """Search in a thread of its own, which RE2 lets run beside ours, and give up after a while. Raises TooSlow."""
    if not _APART.acquire(timeout=SECONDS):
        raise TooSlow
    found: list[bool] = []
    ended = threading.Event()

    def work() -> None:
        try:
            found.append(search(content) is not None)
        finally:
            _APART.release()
            ended.set()

    threading.Thread(target=work, name="pattern", daemon=True).start()
    if not ended.wait(SECONDS) or not found:
        raise TooSlow
    return found[0]
