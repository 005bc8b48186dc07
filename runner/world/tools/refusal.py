"""How a performer's step ends its call early: an exception that carries the failure to report."""

from __future__ import annotations

from typing import Any

from runner.ground.errors import ErrorType, Failure, WorkflowError
from runner.record.gates import Gate


class Refusal(WorkflowError):
    """A call that can't be made, or went wrong."""

    def __init__(self, type_: ErrorType, message: str, /, **details: Any) -> None:
        super().__init__(message)
        self.failure = Failure(type_, message, details)


def refused_gate(kind: str, refusal: Refusal) -> Gate:
    """What is recorded of a call of a kind that was not permitted."""
    details = refusal.failure.details
    if "variable" in details:
        return Gate("variable", str(details["variable"]), allowed=False, why=refusal.failure.message)
    what = next((details[name] for name in ("path", "program", "host") if name in details), "")
    return Gate(kind, str(what), allowed=False, why=refusal.failure.message)
