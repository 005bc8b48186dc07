"""A JSON structure whose texts are templates, such as the arguments of a tool: compiled and rendered in whole."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from runner.ground.errors import TemplateError
from runner.language.reference import Reference
from runner.language.template.template import Template, compile_template

Place = tuple[str | int, ...]
"""Where a text stands in the structure: keys and indexes from its root."""


class ValueTemplate(msgspec.Struct, frozen=True):
    """`templates` are the texts of `source`, each with its place.

    `passed_on` are the names whose values, or parts of them, it gives as they are; none if it makes anything of a name.
    """

    source: Any
    templates: Mapping[Place, Template]
    passed_on: frozenset[str] = frozenset()

    @property
    def references(self) -> tuple[tuple[Place, Reference], ...]:
        """The free names of all texts, each with the place of its text."""
        return tuple(
            (place, reference) for place, template in self.templates.items() for reference in template.references
        )

    @property
    def literal(self) -> bool:
        """Whether no text of it is more than text."""
        return all(template.literal for template in self.templates.values())

    def render(self, scope: Mapping[str, Any]) -> Any:
        """The structure with every text rendered; a lone `{{ … }}` keeps its type. Raises TemplateError."""
        if type(self.source) is str:
            return self.templates[()].render(scope)
        return self._rendered(self.source, (), scope)

    def _rendered(self, value: Any, place: Place, scope: Mapping[str, Any]) -> Any:
        if isinstance(value, dict):
            return {key: self._rendered(item, (*place, key), scope) for key, item in value.items()}
        if isinstance(value, list):
            return [self._rendered(item, (*place, index), scope) for index, item in enumerate(value)]
        if not isinstance(value, str):
            return value
        try:
            return self.templates[place].render(scope)
        except TemplateError as error:
            raise _within(place, error) from None


def compile_value(
    value: Any, compile_text: Callable[[str, Place], Template] = lambda text, _place: compile_template(text)
) -> ValueTemplate:
    """Compile every text in `value`. `compile_text` may collect errors: it is given each text and its place."""
    templates: dict[Place, Template] = {}

    def visit(part: Any, place: Place) -> None:
        match part:
            case str():
                templates[place] = compile_text(part, place)
            case dict():
                for key, item in part.items():
                    visit(item, (*place, key))
            case list():
                for index, item in enumerate(part):
                    visit(item, (*place, index))

    visit(value, ())
    return ValueTemplate(value, templates, _passed_on(templates.values()))


def _passed_on(templates: Iterable[Template]) -> frozenset[str]:
    names = frozenset([template.passed_on for template in templates if not template.literal])
    return frozenset() if "" in names else names


def _within(place: Place, error: TemplateError) -> TemplateError:
    if not place:
        return error
    shown = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in place).removeprefix(".")
    return type(error)(f"in {shown}: {error.message}", error.offset, error.hint, error.width)
