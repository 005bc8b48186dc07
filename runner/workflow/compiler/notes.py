"""What is found wrong with one file, each mistake at its place."""

from __future__ import annotations

import msgspec

from runner.ground.errors import MOST_PROBLEMS, Place, Problem, Severity, TooManyProblems
from runner.language.source import Source
from runner.workflow.reach import JsonPath


class Notes(msgspec.Struct):
    """The problems found so far, of this file and of others. Each note adds to them, or raises TooManyProblems."""

    source: Source
    problems: list[Problem]

    def error(self, message: str, at: JsonPath, *, hint: str = "", key: bool = False, rule: str = "reference") -> None:
        """Note a mistake in the value at a path, or in its key."""
        self.note(message, self.source.place(at, key=key), hint, rule)

    def warn(self, message: str, at: JsonPath, *, hint: str, rule: str) -> None:
        """Note what the value at a path can't have been meant to do; once, though several nodes share the value."""
        warning = Problem(message, self.source.place(at), hint, "warning", rule)
        if warning not in self.problems:
            self.note(message, self.source.place(at), hint, rule, "warning")

    def note(self, message: str, place: Place, hint: str, rule: str, severity: Severity = "error") -> None:
        """Note a mistake, or what one is warned of, at a place."""
        self.problems.append(Problem(message, place, hint, severity, rule))
        if len(self.problems) >= MOST_PROBLEMS:
            raise TooManyProblems("too many problems")
