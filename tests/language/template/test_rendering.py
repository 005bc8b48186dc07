"""What templates render to."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from runner.ground.errors import TemplateError
from runner.language.template import compile_template

SCOPE: dict[str, Any] = {
    "inputs": {"report": "bug.txt", "max_rounds": 3},
    "state": {
        "i": 1,
        "half": 0.5,
        "done": True,
        "nothing": None,
        "text": "naïve",
        "items": [1, "two", None],
        "keys": {"values": 5},
        "by-id": {"a.b": "dotted"},
    },
    "people": [{"name": "Bo", "age": 30, "tags": ["x"]}, {"name": "al", "age": 25, "tags": []}],
}


def render(source: str) -> Any:
    return compile_template(source).render(SCOPE)


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("{{ state.i }}", 1),
        ("{{state.i}}", 1),
        ("{{- state.i -}}", 1),
        ("{{ state.i + 1 }}", 2),
        ("{{ state.half }}", 0.5),
        ("{{ state.done }}", True),
        ("{{ state.nothing }}", None),
        ("{{ state.items }}", [1, "two", None]),
        ("{{ state.items[0] }}", 1),
        ("{{ state.items[-1] }}", None),
        ("{{ state.items[1:] }}", ["two", None]),
        ("{{ state.keys.values }}", 5),
        ('{{ state["by-id"]["a.b"] }}', "dotted"),
        ("{{ state['by-id'] }}", {"a.b": "dotted"}),
        ("{{ 1, 'a' }}", [1, "a"]),
        ("{{ range(3) }}", [0, 1, 2]),
        ("{{ {'a': [none, true]} }}", {"a": [None, True]}),
        ("{{ dict(a=1) }}", {"a": 1}),
        ("{{ state.text if state.done else 0 }}", "naïve"),
        ("{{ state.gone | default([]) }}", []),
        ("{{ 7 / 2 }}", 3.5),
        ("{{ 7 // 2 }}", 3),
        ("{{ 7 % 4 }}", 3),
        ("{{ 2 ** 10 }}", 1024),
        ("{{ -state.i }}", -1),
        ("{{ 'ab' * 2 }}", "abab"),
        ("{{ [1] + [2] }}", [1, 2]),
        ("{{ 1 < 2 <= 2 }}", True),
        ("{{ 1 == 1.0 }}", True),
        ("{{ true == 1 }}", False),
        ("{{ 'i' in state }}", True),
        ("{{ 'x' not in 'abc' }}", True),
        ("{{ [1, [2]] == [1, [2]] }}", True),
    ],
)
def test_a_lone_insertion_keeps_its_type(source: str, value: object) -> None:
    rendered = render(source)
    assert rendered == value
    assert type(rendered) is type(value)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("plain", "plain"),
        ("${x} {x} } %}", "${x} {x} } %}"),
        ("i={{ state.i }}\n", "i=1\n"),
        (" {{ state.i }}", " 1"),
        ("{{ state.i }}{{ state.i }}", "11"),
        ("{{ state.done }} {{ state.nothing }}", "true null"),
        ("{{ state.items }}!", '[1, "two", null]!'),
        ("{{ state.keys }} {{ state.half }}", '{"values": 5} 0.5'),
        ("{{ state.text }}!", "naïve!"),
        ("{{ [state.text] }}!", '["naïve"]!'),
        ("a{# no #}b", "ab"),
        ("{% raw %}{{ x }}{% endraw %}", "{{ x }}"),
        ("{% for x in state.items %}{{ loop.index }}:{{ x }} {% endfor %}", "1:1 2:two 3:null "),
        ("{% for p in people if p.age > 26 %}{{ p.name }}{% else %}none{% endfor %}", "Bo"),
        ("{% for k, v in state.keys | items %}{{ k }}={{ v }}{% endfor %}", "values=5"),
        ("{% if state.i > 1 %}a{% elif state.done %}b{% else %}c{% endif %}", "b"),
        ("{% set x = state.i + 1 %}{{ x }}.", "2."),
        ("{% set x %}[{{ state.i }}]{% endset %}{{ x }}", "[1]"),
        ("{% with x = 2 %}{{ x }}{% endwith %}", "2"),
        ("{% filter upper %}a{{ state.text }}{% endfilter %}", "ANAÏVE"),
        ("{% filter wordcount %}a b{% endfilter %}!", "2!"),
        ("{% macro m(x, y=2) %}{{ x }}-{{ y }}{% endmacro %}{{ m(1) }} {{ m(1, y=3) }}", "1-2 1-3"),
        ("{% macro m() %}<{{ caller() }}>{% endmacro %}{% call m() %}in{% endcall %}", "<in>"),
        ("{% set n = namespace(t=0) %}{% for i in range(4) %}{% set n.t = n.t + i %}{% endfor %}{{ n.t }}", "6"),
        (
            "{% for x in [1, 2] recursive %}{{ x }}{% if loop.depth < 2 %}({{ loop([3]) }}){% endif %}{% endfor %}",
            "1(3)2(3)",
        ),
        ("{% for x in [1, 2] %}{{ x }}{{ ', ' if not loop.last }}{% endfor %}", "1, 2"),
        ("{% for x in [1, 2] %}{{ loop.cycle('a', 'b') }}{% endfor %}", "ab"),
    ],
)
def test_in_text_strings_stand_as_they_are_and_the_rest_as_json(source: str, text: str) -> None:
    assert render(source) == text


def test_text_is_text_also_of_a_lone_insertion() -> None:
    assert compile_template("{{ state.items }}").text(SCOPE) == '[1, "two", null]'
    assert compile_template("{{ state.i + 1 }}").text(SCOPE) == "2"
    assert compile_template("{{ 'a' if false }}").text(SCOPE) == ""


@pytest.mark.parametrize("key", ["items", "keys", "values", "get", "pop", "copy", "update", "index", "count", "append"])
def test_data_comes_first_and_has_no_methods(key: str) -> None:
    template = compile_template(f"{{{{ data.{key} }}}}{{{{ data['{key}'] }}}}{{{{ data.{key} | string }}}}")
    assert template.render({"data": {key: "own"}}) == "ownownown"
    with pytest.raises(TemplateError, match=f"'data' has no '{key}'"):
        template.render({"data": {}})
    with pytest.raises(TemplateError, match="is a list"):
        template.render({"data": []})


def test_data_comes_before_functions() -> None:
    assert compile_template("{{ range }} {{ dict | string }}").render({"range": 1, "dict": 2}) == "1 2"


def test_what_was_rendered_is_not_rendered_again() -> None:
    scope = {"a": "{{ b }}", "b": "{% for %}"}
    assert compile_template("{{ a }}").render(scope) == "{{ b }}"
    assert compile_template("{{ a }}{{ b }}").render(scope) == "{{ b }}{% for %}"
    assert compile_template("{{ a ~ b }}").render(scope) == "{{ b }}{% for %}"


def test_the_result_shares_nothing_with_the_scope() -> None:
    scope = {"state": {"items": [[1]]}}
    for source in ("{{ state.items }}", "{{ state['items'] }}", "{{ state.items | default(1) }}"):
        compile_template(source).render(scope)[0].append(2)
    assert scope == {"state": {"items": [[1]]}}


def test_scopes_may_find_their_values_when_asked() -> None:
    class Lazy(dict[str, Any]):
        def __missing__(self, key: str) -> Any:
            if key == "gone":
                raise KeyError(key)
            return Lazy() if key == "nodes" else f"found {key}"

    for source in ("{{ nodes.a }}", "{{ nodes.a | string }}"):
        assert compile_template(source).render(Lazy()) == "found a"
    with pytest.raises(TemplateError, match="'nodes' has no 'gone'"):
        compile_template("{{ nodes.gone }}").render(Lazy())


def test_line_breaks_of_a_block_scalar_stay() -> None:
    assert render("a\n{{ state.i }}\n\n") == "a\n1\n\n"
    assert render("{% if true %}\nx\n{% endif %}\n") == "\nx\n\n"


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("a\r\nb\r", "a\r\nb\r"),
        ("a\r\n{{ state.i }}\r\n", "a\r\n1\r\n"),
        ("a\r\n{{ state.text | upper }}\r\n{{ 'b\r\nc' }}\r", "a\r\nNAÏVE\r\nb\r\nc\r"),
        ("{%- if state.done -%}\r\n x\r\n\n{%- endif %}\r\n\v", "x\r\n\v"),
        ("{% raw %}{{\r\n}}\r{% endraw %}{#\r\n#}\r\n", "{{\r\n}}\r\r\n"),
        ("{% for x in [1, 2] %}{{\r\nx\r}}\r\n{% endfor %}", "1\r\n2\r\n"),
        ("{% set x %}\r\n{% endset %}{{ x }}{{ x | length }}", "\r\n2"),
    ],
)
def test_a_carriage_return_stays_where_it_stands(source: str, text: str) -> None:
    assert render(source) == text


@given(some.text("a \t\v\r\n{}%#-'ä", max_size=20), some.text("a \r\n", max_size=20))
def test_text_beside_what_is_filled_in_is_kept_byte_for_byte(before: str, after: str) -> None:
    before = before.replace("{", "")
    assert compile_template(before + "{{ x | string }}" + after).text({"x": "\r"}) == before + "\r" + after


def test_a_mistake_below_a_carriage_return_is_placed() -> None:
    with pytest.raises(TemplateError) as caught:
        compile_template("one\r\ntwo\r\n{{ state.i | uper }}")
    assert caught.value.offset == len("one\r\ntwo\r\n{{ state.i | ")


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("{{ state.nothing.x.y | default('none') }}", "none"),
        ("{{ state.nothing.x.y.z[0].q | d('none') }}", "none"),
        ("{{ state.gone.further['key'][3] | default('none') }}", "none"),
        ("{{ people[9].name.first | default('none') }}", "none"),
        ("{{ state.i.x.y | default('none') }}", "none"),
        ("{{ state.nothing.x.y is defined }}", False),
        ("{{ state.nothing.x.y is undefined }}", True),
        ("{{ state.keys.values | default('none') }}", 5),
        ("{{ 'a' if state.gone.x is defined else 'b' }}", "b"),
    ],
)
def test_what_is_missing_any_levels_down_has_a_default(source: str, value: Any) -> None:
    assert render(source) == value


@pytest.mark.parametrize(
    "use",
    ["{}", "{} == 1", "{} ~ 'x'", "{} | upper", "{} or 1", "not {}", "[{}]", "{}.upper()", "1 in {}", "state.keys[{}]"],
)
def test_what_is_missing_any_levels_down_can_be_used_for_nothing_else(use: str) -> None:
    with pytest.raises(TemplateError) as caught:
        render(f"{{{{ {use.format('state.nothing.x.y')} }}}}")
    assert caught.value.message == "'state.nothing' is null and has no 'x'"
