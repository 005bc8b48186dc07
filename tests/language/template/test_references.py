"""What a template refers to."""

from __future__ import annotations

import pytest

from runner.language.reference import Reference
from runner.language.template import compile_template


def shown(reference: Reference) -> str:
    return f"{reference}{'?' if reference.guarded else ''}"


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("text", ""),
        ("{{ state.i }}", "state.i"),
        ("{{ nodes.a.output.items[0].x }}", "nodes.a.output.items"),
        ("{{ nodes['my-node'].output }}", "nodes.my-node.output"),
        ("{{ state.i + 1 }}", "state.i"),
        ("{{ nodes[inputs.which].output }}", "nodes inputs.which"),
        ("{{ nodes['a'].x | default(state.y) }}", "nodes.a.x? state.y"),
        ("{{ state.x is defined and state.x.y }}", "state.x? state.x.y"),
        ("{{ (g | d(h)) | default(1) }}", "g? h"),
        ("{{ (state.x | upper) is defined }}", "state.x"),
        ("{{ state.x is not undefined }}", "state.x?"),
        ("{{ state.x is odd }}", "state.x"),
        (
            "{% for x in state.xs %}{{ x.name }}{{ loop.index }}{{ y }}{% else %}{{ x }}{% endfor %}{{ x }}",
            "state.xs y x x",
        ),
        ("{% for k, v in a | items if v > b %}{{ k }}{% endfor %}", "a b"),
        ("{% set x = x %}{{ x }}", "x"),
        ("{% for i in a %}{% set x = i %}{% endfor %}{{ x }}", "a x"),
        ("{% if a %}{% set x = 1 %}{% endif %}{{ x }}", "a"),
        ("{% set x %}{{ a }}{% set y = 1 %}{% endset %}{{ x }}{{ y }}", "a y"),
        ("{% with x = a, y = b %}{{ x }}{{ c }}{% endwith %}{{ x }}", "a b c x"),
        (
            "{% macro m(x, y=a) %}{{ x }}{{ varargs }}{{ kwargs }}{{ caller() }}{{ m(b) }}{% endmacro %}{{ m(c) }}",
            "a b c",
        ),
        ("{% macro m() %}{{ caller(1) }}{% endmacro %}{% call(u) m() %}{{ u }}{{ a }}{% endcall %}", "a"),
        ("{% filter replace(a, b) %}{{ c }}{% endfilter %}", "a b c"),
        ("{% set n = namespace(x=a) %}{% set n.x = n.x + b %}{{ n.x }}", "a b"),
        ("{{ range(a) }}{{ dict(k=b) }}{{ 'x'.join(c) }}", "a b c"),
        ("{{ a[b:c] }}{{ a < b < c }}{{ a ~ b }}{{ {a: b} }}", "a b c a b c a b a b"),
        ("{{ a | map(attribute='b.c') | list }}", "a"),
        ("{# {{ a }} #}{% raw %}{{ b }}{% endraw %}", ""),
    ],
)
def test_free_names_with_their_paths_in_the_order_of_the_text(source: str, found: str) -> None:
    assert " ".join(map(shown, compile_template(source).references)) == found


@pytest.mark.parametrize(
    "source",
    [
        "{{ here.x }}",
        "ab\n {{- here.x + 1 }}",
        "{% if a %}{% endif %} {%- for i in [1] -%}  {{ i }}  {% endfor %}{{ here }}",
        "{{ '{{ here' ~ a }}{# here #}{{ here }}",
    ],
)
def test_a_reference_knows_where_its_root_stands(source: str) -> None:
    (reference,) = [reference for reference in compile_template(source).references if reference.path[0] == "here"]
    assert reference.offset == source.rindex("here")


def test_a_template_is_told_apart_from_text() -> None:
    assert compile_template("text { } }}").literal
    assert not compile_template("{{ a }}").literal
    assert not compile_template("{# only a comment #}").literal


def test_templates_are_equal_by_their_source() -> None:
    assert compile_template("{{ a + 1 }}") == compile_template("{{ a + 1 }}")
    assert len({compile_template("{{ a }}"), compile_template("{{ a }}")}) == 1
