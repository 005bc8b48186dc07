"""Every error class: its fields, its words, its place in a file, a hint, an exit code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, ClassVar, Literal

EXIT_COMPLETED = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_PAUSED = 3
EXIT_CANCELLED = 4
EXIT_STORE = 5
EXIT_HUNG_UP = 129
EXIT_INTERRUPTED = 130
EXIT_BROKEN_PIPE = 141
EXIT_TERMINATED = 143

MOST_PROBLEMS = 100
"""How many problems are told of one load: nobody reads more."""

MOST_COMPARED = 200
"""How many words a misspelt one is compared with: a comparison takes some ten microseconds."""

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Place:
    """A point in a file. `line` and `column` count from 1; `snippet` is that line; `width` is the caret's length.

    Of a long line, `snippet` is a part, in which the place is at column `shown` (0 where that is `column`).
    """

    file: str
    line: int = 1
    column: int = 1
    snippet: str = ""
    width: int = 1
    shown: int = 0

    def __str__(self) -> str:
        file = self.file.replace("\n", "\\n")  # or a name could pretend to be a line of its own
        return f"{file}:{self.line}:{self.column}"

    def caret(self) -> str:
        """The snippet with a caret line under it, or nothing when the snippet is not known."""
        if not self.snippet.strip():
            return ""
        shown = self.snippet.replace("\t", " ")
        return f"  {shown}\n  {' ' * self._before}{'^' * max(1, self.width)}"

    @property
    def token(self) -> str:
        """What the caret points at."""
        return self.snippet[self._before :][: self.width]

    @property
    def _before(self) -> int:
        return (self.shown or self.column) - 1


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a file, worded as a compiler words it."""

    message: str
    place: Place | None = None
    hint: str = ""
    severity: Severity = "error"
    rule: str = "schema"

    def __str__(self) -> str:
        where = f"{self.place}: " if self.place else ""
        lines = [f"{where}{self.severity}: {self.message}"]
        if self.place and (caret := self.place.caret()):
            lines.append(caret)
        if self.hint:
            lines.append(f"  help: {self.hint}")
        return "\n".join(lines)


class WorkflowError(Exception):
    """The root of all that `wf` raises on purpose. Only the command line prints it and exits."""

    exit_code: ClassVar[int] = EXIT_FAILED

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n  help: {self.hint}" if self.hint else self.message


class InvalidWorkflow(WorkflowError):
    """A file that can't be run; carries all its problems, in file order."""

    exit_code = EXIT_USAGE

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


class TooManyProblems(WorkflowError):
    """So much is wrong that no more is looked for; what was found is with whoever looked."""


class UsageError(WorkflowError):
    """The command line, an input or an answer is wrong; nothing was done."""

    exit_code = EXIT_USAGE


class StoreError(WorkflowError):
    """The database or its surroundings: damaged, foreign, newer, full, read-only, missing."""

    exit_code = EXIT_STORE


class RunBusy(StoreError):
    """Another live process owns the run."""


class SourceError(WorkflowError):
    """Text that can't be used, at an offset within that text; the compiler adds the place in the file."""

    exit_code = EXIT_USAGE

    def __init__(self, message: str, offset: int = 0, hint: str = "", width: int = 1) -> None:
        super().__init__(message, hint)
        self.offset = offset
        self.width = width


class ExpressionError(SourceError):
    """An expression that does not parse, or whose evaluation failed."""


class TemplateError(SourceError):
    """A template that does not parse, or whose rendering failed."""


class SecretChanged(SourceError):
    """A secret would be cut, changed, measured or compared: the same mistake wherever it is made."""


class SecretInExpression(ExpressionError, SecretChanged):
    """An expression does."""


class SecretInTemplate(TemplateError, SecretChanged):
    """A template does."""


ErrorType = Literal[
    "timeout",
    "network",
    "rate_limit",
    "llm_down",
    "provider_unavailable",
    "authentication",
    "credit_exhausted",
    "agent_not_found",
    "tool_failed",
    "output_invalid",
    "input_invalid",
    "state_invalid",
    "file_io",
    "permission_denied",
    "condition_error",
    "template_error",
    "no_route",
    "loop_limit",
    "step_limit",
    "depth_limit",
    "human_timeout",
    "signal_timeout",
    "workflow_failed",
    "interrupted",
    "cancelled",
    "unknown",
]

RETRYABLE: frozenset[str] = frozenset({"timeout", "network", "rate_limit", "llm_down", "provider_unavailable"})


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an attempt or a step failed, before it is given a step and an attempt number.

    `retry_after` is in seconds, when the other side named a delay.
    """

    type: ErrorType
    message: str
    details: Mapping[str, Any] = field(default_factory=dict)
    retry_after: float | None = None

    def as_error(self, step: str, attempt: int) -> dict[str, Any]:
        """The error as workflows and the record see it (SPEC: `{type, message, step, attempt, retryable, details}`)."""
        return {
            "type": self.type,
            "message": self.message,
            "step": step,
            "attempt": attempt,
            "retryable": self.type in RETRYABLE,
            "details": dict(self.details),
        }


def nearest(word: str, known: Sequence[str]) -> str:
    """The known word that was probably meant, or nothing. Of very many words, only those that begin alike count."""
    if len(known) > MOST_COMPARED:
        known = [other for other in known if other[:2] == word[:2]][:MOST_COMPARED]
    return next(iter(get_close_matches(word, known, n=1, cutoff=0.6)), "")


def did_you_mean(word: str, known: Sequence[str]) -> str:
    """`; did you mean 'x'?` for the nearest known word, or nothing."""
    near = nearest(word, known)
    return f"; did you mean '{near}'?" if near else ""
