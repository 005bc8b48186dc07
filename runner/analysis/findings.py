"""Collects what analysis finds, each at its place in its file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runner.errors import Problem, Severity
from runner.model import JsonPath, Workflow


class Findings:
    """The problems found so far. `sources` are the files read, by key."""

    def __init__(self, sources: Mapping[str, Any]) -> None:
        self._sources = sources
        self._found: dict[Problem, None] = {}

    def add(  # noqa: PLR0913 - a place, words, and how grave it is
        self,
        workflow: Workflow,
        at: JsonPath,
        message: str,
        *,
        rule: str,
        hint: str = "",
        key: bool = False,
        offset: int | None = None,
        severity: Severity = "error",
    ) -> None:
        """Note a problem at a path of a workflow's file, or at an offset in the text there."""
        place = self._sources[workflow.file].place(at, key=key, offset=offset)
        self._found[Problem(message, place, hint, severity, rule)] = None

    def line(self, workflow: Workflow, at: JsonPath) -> int:
        """The line on which a path of a file begins."""
        return int(self._sources[workflow.file].place(at, key=True).line)

    def in_order(self) -> list[Problem]:
        """All of them, by file, line and column."""
        files = {source.file: position for position, source in enumerate(self._sources.values())}
        return sorted(self._found, key=lambda problem: _place(problem, files))


def _place(problem: Problem, files: Mapping[str, int]) -> tuple[int, int, int]:
    place = problem.place
    return (files.get(place.file, 0), place.line, place.column) if place is not None else (0, 0, 0)
