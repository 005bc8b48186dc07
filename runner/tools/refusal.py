"""How a performer's step ends its call early: an exception that carries the failure to report."""

from __future__ import annotations

from typing import Any

from runner.errors import ErrorType, Failure, WorkflowError


class Refusal(WorkflowError):
    """A call that can't be made, or went wrong. `output` is what there was nevertheless."""

    def __init__(self, type_: ErrorType, message: str, **details: Any) -> None:
        super().__init__(message)
        self.failure = Failure(type_, message, details)


def one_line(text: str, limit: int = 500) -> str:
    """The last line of `text` that is not blank, cut to `limit` characters: what a message quotes of foreign text."""
    lines = [line.strip() for line in text[-20 * limit :].splitlines() if line.strip()]
    last = lines[-1] if lines else ""
    return last if len(last) <= limit else f"{last[: limit - 1]}…"
