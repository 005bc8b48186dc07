"""Structures whose texts are templates."""

from __future__ import annotations

import pytest

from runner.ground.errors import TemplateError
from runner.language.template import Template, compile_template, compile_value

SCOPE = {"state": {"n": 1, "xs": [1]}}


def test_every_text_is_rendered_and_keeps_its_type() -> None:
    source = {
        "a": "{{ state.n }}",
        "{{ key }}": ["x{{ state.n }}", {"b": "{{ state.xs }}"}, 5, None, True, 1.5],
        "c": "text",
    }
    rendered = compile_value(source).render(SCOPE)
    assert rendered == {"a": 1, "{{ key }}": ["x1", {"b": [1]}, 5, None, True, 1.5], "c": "text"}


def test_a_single_text_is_a_structure_too() -> None:
    assert compile_value("{{ state.n }}").render(SCOPE) == 1
    assert compile_value(5).render(SCOPE) == 5


def test_literals_are_told_apart_and_come_out_fresh() -> None:
    literal = {"a": [1, "x"]}
    compiled = compile_value(literal)
    assert compiled.literal
    compiled.render({})["a"].append(2)
    assert compiled.render({}) == literal == {"a": [1, "x"]}
    assert not compile_value(["{{ x }}"]).literal


def test_references_know_the_place_of_their_text() -> None:
    found = compile_value({"a": ["{{ x.y }}", "-{{ z + 1 }}"]}).references
    assert [(place, str(reference), reference.offset) for place, reference in found] == [
        (("a", 0), "x.y", 3),
        (("a", 1), "z", 4),
    ]


def test_a_compiler_may_collect_the_errors_of_all_texts() -> None:
    errors = []

    def compile_text(text: str, place: tuple[str | int, ...]) -> Template:
        try:
            return compile_template(text)
        except TemplateError as error:
            errors.append((place, error.message))
            return compile_template("")

    compile_value({"a": "{{ }}", "b": ["{{ x", "fine"]}, compile_text)
    assert errors == [(("a",), "there is nothing between `{{` and `}}`"), (("b", 0), "`{{` is not closed")]


def test_a_failure_names_the_place_in_the_structure() -> None:
    with pytest.raises(TemplateError, match=r"^in a\.b\[1\]: 'state' has no 'm'"):
        compile_value({"a": {"b": ["x", "{{ state.m }}"]}}).render(SCOPE)
    with pytest.raises(TemplateError, match=r"^'state' has no 'm'"):
        compile_value("{{ state.m }}").render(SCOPE)
