"""What one rendering may cost: work, length of text, depth of calls, time; so that every template ends."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable

from runner.ground.clock import Clock, SystemClock
from runner.ground.errors import TemplateError

MAX_WORK = 1_000_000
"""Units of work: about one per operation, per item of a list and per `TEXT_PER_UNIT` characters of text."""

MAX_TEXT = 4 * 1024 * 1024
MAX_DEPTH = 40
MAX_SECONDS = 1.0
TEXT_PER_UNIT = 16

_WORK_BETWEEN_LOOKS_AT_THE_CLOCK = 2_000
_WORK_OF_A_CALL = 8
_CLOCK = SystemClock()


class Budget:
    """Counts what a rendering has used. Each method raises TemplateError before the work that would exceed a bound."""

    __slots__ = ("_clock", "_deadline", "_depth", "_left", "_look")

    def __init__(self, work: int = MAX_WORK, seconds: float = MAX_SECONDS, clock: Clock = _CLOCK) -> None:
        self._left = work
        self._look = work - _WORK_BETWEEN_LOOKS_AT_THE_CLOCK
        self._depth = 0
        self._clock = clock
        self._deadline = clock.monotonic() + seconds

    @classmethod
    def unbounded(cls) -> Budget:
        """For what is only passed on, not computed."""
        return cls(work=sys.maxsize, seconds=math.inf)

    def spend(self, work: int) -> None:
        """Take `work` units."""
        self._left -= work
        if self._left < self._look:
            self._check()

    def text(self, length: int) -> None:
        """Take what a text of `length` characters costs."""
        if length > MAX_TEXT:
            raise too_long()
        self.spend(1 + length // TEXT_PER_UNIT)

    def enter(self) -> None:
        """Go one call deeper."""
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise TemplateError(f"calls in the template are nested more than {MAX_DEPTH} deep")
        self.spend(_WORK_OF_A_CALL)

    def leave(self) -> None:
        """Come back from a call."""
        self._depth -= 1

    def _check(self) -> None:
        if self._left < 0:
            raise TemplateError(
                f"the template needs more than {MAX_WORK:,} operations",
                hint="loop over fewer items, or prepare the data in a step before",
            )
        if self._clock.monotonic() > self._deadline:
            raise out_of_time()
        self._look = self._left - _WORK_BETWEEN_LOOKS_AT_THE_CLOCK


def out_of_time() -> TemplateError:
    """The error of a rendering that took too long."""
    return TemplateError(f"the template took more than {MAX_SECONDS:g} second", hint="loop over fewer items")


def bounded(pieces: Iterable[str]) -> str:
    """The pieces as one text, or TemplateError as soon as it is too long."""
    texts = []
    length = 0
    for piece in pieces:
        length += len(piece)
        if length > MAX_TEXT:
            raise too_long()
        texts.append(piece)
    return "".join(texts)


def too_long() -> TemplateError:
    """The error of a text that is longer than a template may make."""
    return TemplateError(
        f"the template makes a text of more than {MAX_TEXT:,} characters",
        hint="pass large data on whole, as one `{{ … }}` with nothing around it, or by a file",
    )
