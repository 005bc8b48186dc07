"""Collects what analysis finds, each at its place in its file."""

from __future__ import annotations

from runner.ground.errors import MOST_PROBLEMS, Place, Problem, Severity, TooManyProblems
from runner.language.reference import Reference
from runner.language.source import Source, place_in_text
from runner.language.template import ValueTemplate
from runner.workflow.compiler import shown_as
from runner.workflow.model import JsonPath, Loaded, Use, Workflow


class Findings:
    """The problems found so far in what was loaded. Each adds to it, or raises TooManyProblems."""

    def __init__(self, loaded: Loaded) -> None:
        self._loaded = loaded
        self.problems: list[Problem] = []

    def add(  # noqa: PLR0913 - a place, words, and how grave it is
        self,
        workflow: Workflow,
        at: JsonPath,
        message: str,
        *,
        rule: str,
        hint: str = "",
        key: bool = False,
        severity: Severity = "error",
    ) -> None:
        """Note a problem at a path of a workflow's file."""
        place = self._loaded.sources[workflow.file].place(at, key=key)
        self._note(Problem(message, place, hint, severity, rule))

    def refer(self, workflow: Workflow, use: Use, place: JsonPath, reference: Reference, said: tuple[str, str]) -> None:
        """Note what is wrong with a name, and what to do, where it is read: in the text at `place` within a use."""
        message, hint = said
        self._note(Problem(message, self._place(workflow, use, place, reference), hint, rule="name"))

    def _note(self, problem: Problem) -> None:
        self.problems.append(problem)
        if len(self.problems) >= MOST_PROBLEMS:
            raise TooManyProblems("too many problems")

    def _place(self, workflow: Workflow, use: Use, place: JsonPath, reference: Reference) -> Place:
        value = use.value.templates[place] if isinstance(use.value, ValueTemplate) else use.value
        written = str(reference)
        width = len(written if value.source.startswith(written, reference.offset) else reference.path[0])
        if use.file:
            return place_in_text(shown_as(use.file), self._loaded.texts[use.file], reference.offset, width)
        source: Source = self._loaded.sources[workflow.file]
        return source.place((*use.at, *place), offset=reference.offset, width=width)

    def line(self, workflow: Workflow, at: JsonPath) -> int:
        """The line on which a path of a file begins."""
        source: Source = self._loaded.sources[workflow.file]
        return source.place(at, key=True).line
