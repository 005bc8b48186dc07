"""Collects what analysis finds in one workflow, each at its place in its file."""

from __future__ import annotations

from collections.abc import Mapping

from runner.ground.errors import Place
from runner.language.reference import Reference
from runner.language.source import place_in_text
from runner.language.template import ValueTemplate
from runner.workflow.compiler import Notes, shown_as
from runner.workflow.model import Use, Workflow
from runner.workflow.reach import JsonPath


class Findings(Notes):
    """The problems of a workflow. `texts` are those of all files that it is made of."""

    workflow: Workflow
    texts: Mapping[str, str]

    def refer(self, use: Use, place: JsonPath, reference: Reference, said: tuple[str, str]) -> None:
        """Note what is wrong with a name, and what to do, where it is read: in the text at `place` within a use."""
        message, hint = said
        self.note(message, self._place(use, place, reference), hint, "name")

    def _place(self, use: Use, place: JsonPath, reference: Reference) -> Place:
        value = use.value.templates[place] if isinstance(use.value, ValueTemplate) else use.value
        written = str(reference)
        width = len(written if value.source.startswith(written, reference.offset) else reference.path[0])
        if use.file:
            return place_in_text(shown_as(use.file), self.texts[use.file], reference.offset, width)
        return self.source.place((*use.at, *place), offset=reference.offset, width=width)
