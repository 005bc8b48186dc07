"""How a performer's step ends its call early: an exception that carries the failure to report."""

from __future__ import annotations

from typing import Any

from runner.ground.errors import ErrorType, Failure, WorkflowError


class Refusal(WorkflowError):
    """A call that can't be made, or went wrong."""

    def __init__(self, type_: ErrorType, message: str, /, **details: Any) -> None:
        super().__init__(message)
        self.failure = Failure(type_, message, details)
