"""Filters, tests and methods of text."""

from __future__ import annotations

from typing import Any

import pytest

from runner.ground.errors import TemplateError
from runner.language.template import compile_template
from runner.language.template.filters import FILTERS
from runner.language.template.methods import METHODS
from runner.language.template.predicates import PREDICATES

PEOPLE = [{"name": "Bo", "age": 30}, {"name": "al", "age": 25}, {"name": "Cy", "age": 25}]

USES: list[tuple[str, Any]] = [
    ("-3 | abs", 3),
    ("[1, 2, 3] | batch(2)", [[1, 2], [3]]),
    ("[1, 2, 3] | batch(2, 0)", [[1, 2], [3, 0]]),
    ("'abc DEF' | capitalize", "Abc def"),
    ("'ab' | center(6)", "  ab  "),
    ("'ab' | count", 2),
    ("gone | d(1)", 1),
    ("'' | default('x')", ""),
    ("'' | default('x', true)", "x"),
    ("{'b': 1, 'A': 2} | dictsort", [["A", 2], ["b", 1]]),
    ("{'b': 1, 'a': 2} | dictsort(by='value')", [["b", 1], ["a", 2]]),
    ("'<a>' | e", "&lt;a&gt;"),
    ("'\"&' | escape", "&#34;&amp;"),
    ("[4, 5] | first", 4),
    ("'1.5' | float", 1.5),
    ("'x' | float(0.0)", 0.0),
    ("'%s: %05.1f %d%%' | format('a', 2.25, 7)", "a: 002.2 7%"),
    ("'%(k)s' | format(k='v')", "v"),
    ("people | groupby('age') | map('first') | list", [25, 30]),
    ("(people | groupby('age'))[0][1] | map(attribute='name') | list", ["al", "Cy"]),
    ("'a\\nb\\n\\nc' | indent(2)", "a\n  b\n\n  c"),
    ("'a\\n\\nb' | indent('> ', first=true, blank=true)", "> a\n> \n> b"),
    ("'12' | int", 12),
    ("12.9 | int", 12),
    ("'ff' | int(base=16)", 255),
    ("'x' | int(-1)", -1),
    ("{'a': 1} | items", [["a", 1]]),
    ("[1, 'a', none] | join(', ')", "1, a, null"),
    ("people | join('+', attribute='name')", "Bo+al+Cy"),
    ("[4, 5] | last", 5),
    ("{'a': 1} | length", 1),
    ("'ab' | list", ["a", "b"]),
    ("{'a': 1} | list", ["a"]),
    ("'AB' | lower", "ab"),
    ("people | map(attribute='age') | list", [30, 25, 25]),
    ("[{}] | map(attribute='x', default=0) | list", [0]),
    ("['a', 'b'] | map('upper') | list", ["A", "B"]),
    ("[1, 3, 2] | max", 3),
    ("people | min(attribute='age')", PEOPLE[1]),
    ("[1, 2, 3] | reject('odd') | list", [2]),
    ("people | rejectattr('age', 'gt', 26) | length", 2),
    ("'aXbX' | replace('X', '-')", "a-b-"),
    ("'aXbX' | replace('X', '', 1)", "abX"),
    ("'' | replace('', 'x')", "x"),
    ("[1, 2] | reverse", [2, 1]),
    ("'ab' | reverse", "ba"),
    ("2.567 | round(1)", 2.6),
    ("2.1 | round(method='ceil')", 3.0),
    ("[0, 1, ''] | select", [1]),
    ("[1, 2, 3] | select('gt', 1) | list", [2, 3]),
    ("people | selectattr('age', 'eq', 30) | map(attribute='name') | first", "Bo"),
    ("[1, 2, 3] | slice(2)", [[1, 2], [3]]),
    ("[1, 2, 3] | slice(2, 0)", [[1, 2], [3, 0]]),
    ("['b', 'A'] | sort", ["A", "b"]),
    ("['b', 'A', 'a'] | sort(case_sensitive=true)", ["A", "a", "b"]),
    ("people | sort(attribute='age,name') | map(attribute='name') | list", ["al", "Cy", "Bo"]),
    ("[3, 1.5] | sort(reverse=true)", [3, 1.5]),
    ("1.0 | string", "1.0"),
    ("[1, 2.5] | sum", 3.5),
    ("people | sum(attribute='age')", 80),
    ("[[1], [2]] | sum(start=[])", [1, 2]),
    ('"it\'s a-b" | title', "It's A-B"),
    ("{'ä': [1, \"<'\"]} | tojson", '{"ä": [1, "<\'"]}'),
    ("'a' | tojson", '"a"'),
    ("[1] | tojson(indent=2)", "[\n  1\n]"),
    ("'  a ' | trim", "a"),
    ("'xax' | trim('x')", "a"),
    ("'one two three' | truncate(9)", "one..."),
    ("'one two three' | truncate(9, true, '…')", "one two …"),
    ("['a', 'A', 'b'] | unique | list", ["a", "b"]),
    ("[1, true, 1.0, none] | unique | list", [1, True, None]),
    ("'a' | upper", "A"),
    ("'a b/ü' | urlencode", "a%20b/%C3%BC"),
    ("{'a': 1, 'b': 'x y'} | urlencode", "a=1&b=x%20y"),
    ("'a b, c' | wordcount", 3),
    ("'aa bb cccccc d' | wordwrap(5)", "aa bb\nccccc\nc d"),
    ("'aa cccccc d\\n\\ne' | wordwrap(5, false, '|')", "aa|cccccc|d||e"),
]

TESTS: list[tuple[str, bool]] = [
    ("gone is defined", False),
    ("people is defined", True),
    ("gone is undefined", True),
    ("none is none", True),
    ("true is boolean", True),
    ("true is true", True),
    ("0 is false", False),
    ("1 is integer", True),
    ("true is integer", False),
    ("1.0 is float", True),
    ("true is number", False),
    ("'a' is string", True),
    ("{} is mapping", True),
    ("[] is sequence", True),
    ("5 is iterable", False),
    ("'a' is lower", True),
    ("'a' is upper", False),
    ("3 is odd", True),
    ("3 is even", False),
    ("6 is divisibleby 3", True),
    ("1 is in [1]", True),
    ("1 is eq 1", True),
    ("1 is equalto 2", False),
    ("[1] | select('==', 1) | length == 1", True),
    ("1 is ne 1", False),
    ("[1] | select('!=', 1) | length == 1", False),
    ("1 is lt 2", True),
    ("1 is lessthan 2", True),
    ("[1] | select('<', 1) | length == 1", False),
    ("1 is le 1", True),
    ("[1] | select('<=', 1) | length == 1", True),
    ("1 is gt 2", False),
    ("1 is greaterthan 2", False),
    ("[1] | select('>', 0) | length == 1", True),
    ("1 is ge 1", True),
    ("[1] | select('>=', 2) | length == 1", False),
]

CALLS: list[tuple[str, Any]] = [
    ("'aB c'.capitalize()", "Ab c"),
    ("'a'.center(3)", " a "),
    ("'aa'.count('a')", 2),
    ("'ab'.endswith('b')", True),
    ("'ab'.find('b')", 1),
    ("'a1'.isalnum()", True),
    ("'a1'.isalpha()", False),
    ("'1'.isdigit()", True),
    ("'a'.islower()", True),
    ("'1'.isnumeric()", True),
    ("' '.isspace()", True),
    ("'A'.isupper()", True),
    ("', '.join([1, 'a'])", "1, a"),
    ("'a'.ljust(3, '.')", "a.."),
    ("'AB'.lower()", "ab"),
    ("' a '.lstrip()", "a "),
    ("'a=b=c'.partition('=')", ["a", "=", "b=c"]),
    ("'abc'.removeprefix('a')", "bc"),
    ("'abc'.removesuffix('c')", "ab"),
    ("'aa'.replace('a', 'b', 1)", "ba"),
    ("'a'.rjust(3)", "  a"),
    ("' a '.rstrip()", " a"),
    ("'a,b,c'.split(',', 1)", ["a", "b,c"]),
    ("'a  b'.split()", ["a", "b"]),
    ("'a\\nb'.splitlines()", ["a", "b"]),
    ("'ab'.startswith(['x', 'a'])", True),
    ("'xax'.strip('x')", "a"),
    ("'a b'.title()", "A B"),
    ("'a'.upper()", "A"),
    ("'7'.zfill(3)", "007"),
]


@pytest.mark.parametrize(("expression", "value"), [*USES, *TESTS, *CALLS])
def test_filters_tests_and_methods_give(expression: str, value: object) -> None:
    rendered = compile_template(f"{{{{ {expression} }}}}").render({"people": PEOPLE})
    assert rendered == value
    assert type(rendered) is type(value)


def test_each_filter_test_and_method_is_shown_above() -> None:
    shown = " ".join(expression for expression, _ in [*USES, *TESTS, *CALLS])
    assert [name for name in FILTERS if f"| {name}" not in shown] == []
    assert [name for name in PREDICATES if f"is {name}" not in shown and f"select('{name}'" not in shown] == []
    assert [name for name in METHODS if f".{name}(" not in shown] == []


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("5 | upper", "`upper` needs text, not a number"),
        ("people | upper", "`upper` needs text, not a list"),
        ("[1, 'a'] | sort", "a number and text cannot be sorted"),
        ("people | sort", "an object cannot be sorted"),
        ("people | sort(attribute='size')", "an item has no 'size'"),
        ("people | unique", "an object cannot be grouped"),
        ("[] | first", "a list without items has no first one"),
        ("[] | max", "an empty list has no `max`"),
        ("'abc' | int", "the text 'abc' is not a whole number"),
        ("none | float", "null is not a number"),
        ("'abc' | join(',')", "`join` needs a list, not text"),
        ("5 | length", "a number has no length"),
        ("people | items", "`items` needs an object, not a list"),
        ("'%d' % 'a'", "`%d` needs a number, not text"),
        ("'%s %s' % [1]", "there is no value for `%s`"),
        ("'%s' % [1, 2]", "there are more values than `%` conversions"),
        ("'100%' % 1", "`%` starts no conversion here"),
        ("[1] | map('nope')", "there is no filter 'nope'"),
        ("[1] | map('~paid', -5)", "there is no filter '~paid'"),
        ("[1] | select('nope')", "there is no test 'nope'"),
        ("'a'.center('b')", "the width needs a whole number|`center` needs a whole number"),
        ("'a'.split('')", r"these arguments do not fit `split\(\)`"),
        ("range('a')", r"these arguments do not fit `range\(\)`"),
        ("1 + 'a'", "`\\+` does not go between a number and text"),
        ("true + 1", "`\\+` does not go between true or false and a number"),
        ("none < 1", "null and a number have no order"),
        ("1 in 5", "a number cannot be in a number"),
        ("1 / 0", "division by zero"),
        ("{1: 2}", "the key of an object must be text, not a number"),
        ("people[0](1)", "an object cannot be called"),
        ("'abc'.upper", "a function is not a value"),
        ("range", "a function is not a value"),
        ("'a' if false", "the `if` does not hold, and there is no `else`"),
    ],
)
def test_what_does_not_fit_is_an_error_in_our_words(expression: str, message: str) -> None:
    template = compile_template(f"{{{{ {expression} }}}}")
    with pytest.raises(TemplateError, match=message) as caught:
        template.render({"people": PEOPLE})
    assert caught.value.offset >= 2
