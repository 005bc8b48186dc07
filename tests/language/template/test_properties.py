"""What holds for all templates and all data."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.ground.errors import TemplateError
from runner.language.template import Template, compile_template
from runner.language.template.program import TemplateProgram
from runner.language.template.syntax import parse
from tests.project import ROOT

NAMES = st.sampled_from(["a", "b", "items", "x1", "_y", "upper", "keys", "é", "not", "loop", "none", "class", "__x"])
TEXTS = st.text(max_size=8) | NAMES | st.sampled_from(["{{ a }}", "{% if %}", "}}", "\r\n", "{#"])
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3), max_leaves=8
)
SCOPES = st.dictionaries(NAMES, VALUES, max_size=4)

VOCABULARY = r"""
    {{ }} {{- -}} {% %} {# #} {%- -%} if else elif endif for in endfor set endset macro endmacro call endcall filter
    endfilter with endwith raw endraw include block endblock recursive is not and or defined odd a b items x1 loop self
    caller range namespace dict ( ) [ ] { } , : . | ~ + - * / // % ** == != < <= > >= = 0 1 7 -3 2.5 1e9 'a' "b" '' none
    true false upper join map sort batch default tojson replace length first format sum groupby unique 'upper' .upper()
    .split() .x [0] [1:] a=1 *a **a && || ! ? \ ' " é __class__ _a
"""
WORDS = st.sampled_from([*VOCABULARY.split(), "\n", "\r\n"])
SOURCES = st.lists(WORDS, max_size=16).map(" ".join) | st.lists(WORDS, max_size=12).map("".join) | st.text(max_size=30)

STEPS = st.one_of(
    NAMES.map(lambda name: f".{name}"),
    st.integers(0, 3).map(lambda index: f"[{index}]"),
    TEXTS.map(lambda key: f'["{key}"]'),
    NAMES.map(lambda key: f"['{key}']"),
)
PATHS = st.builds(lambda root, steps: f"{{{{ {root}{''.join(steps)} }}}}", NAMES, st.lists(STEPS, max_size=3))
INSERTING = PATHS | st.lists(PATHS | TEXTS, max_size=4).map("".join)


def outcome(render: Callable[[Mapping[str, Any]], Any], scope: dict[str, Any]) -> tuple[object, ...]:
    """The value, as JSON so that 1 is not true, or the place and words of the failure."""
    try:
        return (json.dumps(render(scope)),)
    except TemplateError as error:
        return error.offset, error.width, error.message, error.hint


def compiled(source: str) -> Template | None:
    try:
        return compile_template(source)
    except TemplateError as error:
        if 0 <= error.offset <= len(source):
            return None
        raise AssertionError(f"{error} is placed outside of the source") from error


@given(SOURCES, SCOPES)
def test_any_text_and_data_give_json_or_a_template_error(source: str, scope: dict[str, Any]) -> None:
    template = compiled(source)
    if template is not None:
        for render in (template.render, template.text):
            first, *_ = outcome(render, scope)
            assert isinstance(first, str) or (isinstance(first, int) and 0 <= first <= len(source))


@given(SOURCES)
def test_what_compiles_is_code_that_runs(source: str) -> None:
    try:
        syntax = parse(source)
    except TemplateError:
        return
    assert TemplateProgram(syntax).code.is_up_to_date


@given(INSERTING, SCOPES)
def test_inserting_without_jinja_gives_what_jinja_gives(source: str, scope: dict[str, Any]) -> None:
    template = compiled(source)
    if template is None:
        return
    try:
        program = TemplateProgram(parse(source))
    except TemplateError as error:
        raise AssertionError(f"Jinja refuses this: {error}") from error
    assert template.references == program.references
    assert outcome(template.render, scope) == outcome(program.value, scope)
    assert outcome(template.text, scope) == outcome(program.text, scope)


@given(VALUES)
def test_a_json_value_survives_unchanged_with_its_type(value: object) -> None:
    for source in ("{{ x }}", "{{ y.x }}", "{{ x | default(1) }}", "{{ [x][0] }}", "{{ x if true else 0 }}"):
        rendered = compile_template(source).render({"x": value, "y": {"x": value}})
        assert json.dumps(rendered) == json.dumps(value)


@given(VALUES)
def test_in_text_data_stands_as_text_or_json_and_is_never_read_again(value: object) -> None:
    written = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    for source in ("<{{ x }}>", "<{{ x ~ '' }}>", "{% for y in [x] %}<{{ y }}>{% endfor %}", "<{{ [x] | join }}>"):
        assert compile_template(source).render({"x": value}) == f"<{written}>"


@given(VALUES, VALUES)
def test_equality_is_that_of_json(left: object, right: object) -> None:
    scope = {"a": left, "b": right, "c": json.loads(json.dumps(left))}
    assert compile_template("{{ a == c }}").render(scope) is True
    same = compile_template("{{ a == b }}").render(scope)
    assert same is compile_template("{{ not a != b }}").render(scope)
    if json.dumps(left) == json.dumps(right):
        assert same


@pytest.mark.parametrize("source", ["text", "{{ state.i }}", "a {{ state.text }} {{ state['x'][0] }}"])
def test_templates_that_only_insert_do_not_load_jinja(source: str) -> None:
    script = f"""
import sys
from runner.language.template import compile_template
compile_template({source!r}).render({{"state": {{"i": 1, "text": "t", "x": [1]}}}})
print("jinja2" in sys.modules)
"""
    ended = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ended.stdout == "False\n"
