"""How a performer's step ends its call early: an exception that carries the failure to report."""

from __future__ import annotations

from typing import Any

from runner.errors import ErrorType, Failure, WorkflowError

_LINE_END = "\n"


class Refusal(WorkflowError):
    """A call that can't be made, or went wrong. `output` is what there was nevertheless."""

    def __init__(self, type_: ErrorType, message: str, **details: Any) -> None:
        super().__init__(message)
        self.failure = Failure(type_, message, details)


def head(text: str, limit: int) -> str:
    """At most `limit` characters of foreign text, of whole words: half a secret could not be masked any more."""
    return text if len(text) <= limit else f"{_without_last_word(text[:limit])}…"


def tail(text: str, limit: int) -> str:
    """At most the last `limit` characters of foreign text, of whole lines."""
    return text if len(text) <= limit else f"…\n{text[-limit:].partition(_LINE_END)[2]}"


def last_line(text: str, limit: int = 500) -> str:
    """The last line that is not blank, cut by `head`: what a message quotes of foreign text."""
    return head(text.rstrip().rpartition(_LINE_END)[2].strip(), limit)


def _without_last_word(text: str) -> str:
    return text[: max(text.rfind(" "), text.rfind(_LINE_END)) + 1]
