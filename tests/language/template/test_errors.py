"""What is refused, in which words, and where."""

from __future__ import annotations

from typing import Any

import pytest

from runner.ground.errors import TemplateError
from runner.language.template import compile_template

SCOPE: dict[str, Any] = {
    "state": {"severity": "low", "count": 2, "list": [1, 2]},
    "nodes": {"read": {"output": {"text": "t"}}},
    "nothing": None,
}


def shown(source: str, error: TemplateError) -> str:
    """The source with a mark before the place, the message, the hint."""
    marked = f"{source[: error.offset]}»{source[error.offset :]}"
    return f"{marked} -> {error.message}{f' ({error.hint})' if error.hint else ''}"


@pytest.mark.parametrize(
    "expected",
    [
        "»{{ x.y -> `{{` is not closed (write `}}` at its end)",
        "{{ x.y »} -> '}' is not expected here (the tag is closed by two braces, `}}`)",
        "a\n»{# b -> `{#` is not closed (write `#}` at its end)",
        "»{% if x -> `{%` is not closed (write `%}` at its end)",
        "»{{ }} -> there is nothing between `{{` and `}}` (write a name, such as `state.x`)",
        "{{ a + »}} -> something is missing before `}}`",
        "{{ a »&& b }} -> '&&' is not expected here (write `and`)",
        "{{ a |»| b }} -> '|' is not expected here (write `or`; one `|` is followed by a filter's name)",
        "{{ »!a }} -> '!' is not expected here (write `not`)",
        "{{ a »? b : c }} -> '?' is not expected here (write `a if condition else b`)",
        "{{ a »= b }} -> '=' is not expected here (`==` compares)",
        "{{ »${x} }} -> '$' is not expected here (a value is written `{{ name }}`, without `$`)",
        "{{ a »b }} -> 'b' is not expected here (an operator, or a comma, is missing before it)",
        "{{ (a »}} -> '}' stands where ')' is due",
        "{{ »'abc }} -> this quote is not closed",
        "{{ a.»'b' }} -> a name must follow the dot",
        "{% »foo %} -> "
        "there is no tag 'foo'; did you mean 'for'? (there is: if, elif, else, for, set, with, macro, call,"
        " filter, raw, print)",
        "{% »endif %} -> `{% endif %}` belongs to no open tag",
        "{% for x in y %}{% »endif %} -> "
        "`{% endif %}` comes before `{% endfor %}` (the tag opened last is closed first)",
        "{% if x %}{% endif %}»{% if y %} -> `{% if … %}` has no `{% endif %}`",
        "{% »%} -> a word must follow `{%` (one of: if, elif, else, for, set, with, macro, call, filter, raw, print)",
        "{% »include 'x' %} -> a template includes no other file",
        "{% »import 'x' as y %} -> a template imports no other file",
        "{% »from 'x' import y %} -> a template imports no other file",
        "{% »extends 'x' %} -> a template extends no other file",
        "{% »block x %}{% endblock %} -> `{% block %}` needs a template to extend, and there is none",
        "{{ x | »uper }} -> there is no filter 'uper'; did you mean 'upper'?",
        "{{ x | »random }} -> "
        "there is no filter 'random' (templates have no randomness: a replay must give the same text)",
        "{{ x | »safe }} -> there is no filter 'safe' (nothing is escaped in templates; leave it out)",
        "{{ x | »replace }} -> the filter 'replace' does not take these arguments",
        "{{ x | »upper(n=1) }} -> the filter 'upper' does not take these arguments",
        "{{ x »is od }} -> there is no test 'od'; did you mean 'odd'?",
        "{{ »size(x) }} -> there is no function 'size' (write `x | length`)",
        "{{ »lipsum() }} -> there is no function 'lipsum'",
        "{{ »rang(3) }} -> there is no function 'rang'; did you mean 'range'?",
        "{{ »now() }} -> there is no function 'now' (templates have no clock; decisions rest on recorded facts)",
        "{{ state».items() }} -> there is no method 'items' (write `x | items`)",
        "{{ 'a'».uper() }} -> there is no method 'uper'; did you mean 'upper'?",
        "{{ x».__class__ }} -> "
        "names that begin with `__`, such as '__class__', are refused (a key of that name is written"
        ' `["__class__"]`)',
        "{{ »__builtins__ }} -> '__builtins__' cannot be a name in a template",
        "{{ »self }} -> 'self' cannot be a name in a template",
        "{{ »null }} -> there is no 'null' in a template (write `none`)",
        "{% set »loop = 1 %} -> 'loop' has a meaning of its own and cannot be set",
        "{% set »state.x = 1 %} -> "
        "'state' cannot be changed here (`{% set state = namespace() %}` before makes something"
        " that can; state is written by `set:`)",
        "{{ f(_loop_vars=»1) }}{% set f = 1 %} -> '_loop_vars' cannot be the name of an argument",
        "{{ a»[1, 2] }} -> one key or index stands between `[` and `]`",
        "{{ »9223372036854775808 }} -> this number is too large (whole numbers have 64 bits)",
        "{{ »1e999 }} -> this number is too large (whole numbers have 64 bits)",
    ],
)
def test_what_cannot_be_right_is_found_when_compiling(expected: str) -> None:
    source = expected.partition(" -> ")[0].replace("»", "")
    with pytest.raises(TemplateError) as caught:
        compile_template(source)
    assert shown(source, caught.value) == expected


@pytest.mark.parametrize(
    "expected",
    [
        "{{ state.»sevrity }} -> 'state' has no 'sevrity'; did you mean 'severity'?",
        "{{ state.»sevrity | upper }} -> 'state' has no 'sevrity'; did you mean 'severity'?",
        "{{ state['»sevrity'] }} -> 'state' has no 'sevrity'; did you mean 'severity'?",
        "a\nb {{ nodes.read.output.»txt }} -> 'nodes.read.output' has no 'txt'; did you mean 'text'?",
        "{{ nodes.»x.output }} -> 'nodes' has no 'x' (there is: read)",
        "{{ »stat.x }} -> 'stat' does not exist; did you mean 'state'?",
        "{{ »zzz }} -> 'zzz' does not exist (there is: state, nodes, nothing)",
        "{% if state.count > 1 %}{{ state.»cont }}{% endif %} -> 'state' has no 'cont'; did you mean 'count'?",
        "{% for x in state.list %}{{ »y }}{% endfor %} -> 'y' does not exist (there is: state, nodes, nothing)",
        "{{ nothing.»x }} -> 'nothing' is null and has no 'x'",
        "{{ state.count.»x }} -> 'state.count' is a number and has no 'x'",
        "{{ state.list.»x }} -> 'state.list' is a list and has no 'x' (write an index, `[0]`, or `| map(attribute=…)`)",
        "{{ state.list[»7] }} -> 'state.list' has 2 items, so none at index 7",
        "{{ 1 }}{{ »2 / 0 }} -> division by zero",
        "{% »for a, b in state.list %}{% endfor %} -> an item does not have as many parts as there are names for them",
        "{% macro m(a) %}{% endmacro %}{{ m»(1, 2) }} -> the macro does not take these arguments",
        "{% for x in [1] %}{{ loop»([x]) }}{% endfor %} -> "
        "only a loop marked `recursive` can be called (write `{% for x in y"
        " recursive %}`)",
        "{% for x in state %}{{ x }}{% endfor %}{% »for x in 'ab' %}{% endfor %} -> "
        "`for` needs a list, not text (`| list`"
        " gives the characters of a text)",
    ],
)
def test_failures_of_a_rendering_name_the_place(expected: str) -> None:
    source = expected.partition(" -> ")[0].replace("»", "")
    template = compile_template(source)
    with pytest.raises(TemplateError) as caught:
        template.render(SCOPE)
    assert shown(source, caught.value) == expected


@pytest.mark.parametrize(
    "block", ["{% call dict() %}a{% endcall %}", "{% set x %}{% call namespace() %}a{% endcall %}{% endset %}"]
)
def test_only_a_macro_can_be_called_with_a_block(block: str) -> None:
    with pytest.raises(TemplateError, match="a macro's call must follow `call`"):
        compile_template(block).render(SCOPE)


def test_only_a_namespace_can_be_changed() -> None:
    with pytest.raises(TemplateError, match="only a namespace can be changed"):
        compile_template("{% set a = 1 %}{% set a.b = 1 %}").render(SCOPE)


def test_a_failure_of_the_scope_itself_is_passed_on() -> None:
    class Broken(dict[str, Any]):
        def __missing__(self, key: str) -> Any:
            raise RuntimeError(key)

    with pytest.raises(TemplateError, match="cannot be rendered"):
        compile_template("{{ x | string }}").render(Broken())
