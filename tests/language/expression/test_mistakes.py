"""The usual mistakes, and what is said of each: the place, the message, the mending."""

from __future__ import annotations

from typing import Any

import pytest

from runner.ground.errors import ExpressionError
from runner.language.expression import compile_expression
from runner.language.expression.mistakes import MISTAKES

SCOPE: dict[str, Any] = {
    "state": {"severity": "low", "items": [], "note": None, "score": 0.5, "rounds": 2},
    "items": [1, 2],
    "text": "abc",
}


def said(source: str) -> str:
    """The error of a source, as `offset: message / hint`."""
    try:
        compile_expression(source).evaluate(SCOPE)
    except ExpressionError as error:
        return f"{error.offset}: {error.message} / {error.hint}"
    return "nothing"


VALUE = 'a value is a name, a number, a "text", a list or a map'
OPERATORS = "operators are && || == != < <= > >= in + - * / % ?:"
COMPARE = "write == to compare; to change the state, use set:"
LOOP = "name the variable first: list.exists(x, x > 1)"
ALL = "functions are size contains startsWith endsWith matches, conversions such as int(x), and macros such as all"


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("a and b", "2: 'and' is not an operator / write && for 'and'"),
        ("a or b", "2: 'or' is not an operator / write || for 'or'"),
        ("not a", "4: 'not' is not an operator / write ! for 'not': !x"),
        ("not (a)", "0: there is no function 'not' / write !x"),
        ("a not in b", "2: 'not' is not an operator / write !(x in list)"),
        ("a is null", "2: 'is' is not an operator / write == for 'is': x == null"),
        ("a is not null", "2: 'is' is not an operator / write != for 'is not': x != null"),
        ("if a then b", "3: 'if' is not an operator / write condition ? yes : no"),
        ("b if a else c", "2: 'if' is not an operator / write condition ? yes : no"),
        ('a contains "b"', '2: a method stands after a dot / write x.contains("y")'),
        ("a === b", "4: '===' and '!==' are not operators / write == or !="),
        ("a <> b", "3: '<>' is not an operator / write !="),
        ("a =< b", "2: '=<' is not an operator / write <="),
        ("a => b", "2: '=>' is not an operator / write >= to compare; in a macro, list.exists(x, x > 1)"),
        ("lambda x: x", f"7: CEL has no lambda / {LOOP}"),
        ("a += 1", f"3: an expression sets nothing / {COMPARE}"),
        ("a := 1", f"2: an expression sets nothing / {COMPARE}"),
        ("a = 1", f"2: '=' is not an operator / {COMPARE}"),
        ("a & b", "2: a single '&' is not an operator / write && for 'and'"),
        ("a | b", "2: a single '|' is not an operator / write || for 'or'; there are no filters: f(x)"),
        ("a ** 2", "3: '**' is not an operator / write x * x"),
        ("a ?? b", "3: '??' is not an operator / write has(a.b) ? a.b : other"),
        ("a?.b", "4: '?.' is not an operator / ask first: has(a.b) ? a.b : other"),
        ("a !b", "2: an operator is missing before '!' / to negate, write && !x"),
        ("${a}", "0: an expression has no braces around it / write state.x, not ${state.x}"),
        ("{{ a }}", "0: an expression has no braces around it / write state.x, not {{ state.x }}"),
        ("a == {{ b }}", "5: an expression has no braces around it / write state.x, not {{ state.x }}"),
        ("a == “b”", "5: these quotes are typographic ones / write straight quotes: ' or \""),
        ("a ≥ 1", "2: this sign is not an operator / write <=, >= or !="),
        ("f'a'", '1: CEL has no f-strings / join with +: "round " + string(round)'),
        ("'a' 'b'", "4: two strings stand side by side / join them with +, or put a comma between"),
        ("a[1:2]", "3: CEL has no slices / take one element, x[0], or filter: list.filter(x, x > 1)"),
        ("a.`b c", "2: backquotes stand only around a field after a dot / write x.`a-b`"),
        ("A{b: 1}", '1: CEL without protobuf has no messages / a map needs no name: {"key": value}'),
        ("a # b", "2: this sign is not part of CEL / a comment starts with //"),
        ("a; b", "1: an expression is one line of thought, without ';' / join conditions with &&"),
        ("a.1", "1: a field after a dot is a name / write x[0] for the first element"),
        ("a++", "2: '++' is not an operator / write x + 1"),
        ("duration(1d)", '10: letters stand right after a number / a duration is duration("90s")'),
        ("a.all(x: x)", "7: a comma stands after the name of the element / write list.exists(x, x > 1)"),
        ("a, b", "1: a comma stands only within brackets / join conditions with &&; a list is [a, b]"),
        ("a ? b", "5: ':' and what holds otherwise are missing / write condition ? yes : no"),
        ("(a", "0: '(' is never closed / add ')'"),
        ("f([a)", "4: ')' does not close '[' / write ']' first"),
        ("a)", "1: no bracket opens before this ')' / take it out, or open one"),
        ("'a", "0: this string is never closed / end it with the same quotes"),
        ("a == r'b", "5: this string is never closed / end it with the same quotes"),
        ("a ||", f"4: the expression ends where a value is expected / {VALUE}"),
        ("a.", "2: the expression ends where a name is expected / write the name of a field after the dot"),
        ("a b", f"2: expected an operator, found 'b' / {OPERATORS}"),
        ("[a b]", f"3: expected an operator or ']' or ',', found 'b' / {OPERATORS}"),
        ("* a", f"0: expected a value, found '*' / {VALUE}"),
        ("a[]", f"2: expected a value, found ']' / {VALUE}"),
        (".in", "1: 'in' is a word of CEL / write [\"in\"] for the field"),
        ("loop", "0: 'loop' is a word of CEL and can't be a name / use another name"),
        ("items.all(for, true)", "10: 'for' is a word of CEL and can't be a name / use another name"),
        ("// a", "4: the expression ends too early / what follows // is a comment; x / y of two ints is whole"),
        (" ", '0: the expression is empty / write a condition, such as state.severity == "high"'),
        ("a ~ b", "2: '~' is not part of CEL / take it out"),
        ("a\0", "1: the character U+0000 is not part of CEL / take it out"),
        ("\ud800", "0: this is half a character / save the file as UTF-8"),
    ],
)
def test_what_does_not_parse(source: str, error: str) -> None:
    assert said(source) == error


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("state.note == None", "14: 'None' is not a word of CEL / write null for 'None'"),
        ("True", "0: 'True' is not a word of CEL / write true for 'True'"),
        ("nil", "0: 'nil' is not a word of CEL / write null for 'nil'"),
        ("len(items)", "0: there is no function 'len' / size(x) counts characters, elements and keys"),
        ("items.any(x, x > 1)", "6: there is no function 'any' / write list.exists(x, x > 1)"),
        ("now()", "0: there is no function 'now' / an expression has no clock; timestamp(x) reads a text"),
        ("text.startswith('a')", "5: there is no function 'startswith'; did you mean 'startsWith'? / "),
        ("text.zzz()", f"5: there is no function 'zzz' / {ALL}"),
        ("contains(text, 'a')", "0: contains() is a method / write x.contains(y)"),
        ("text.int()", "5: int() is not a method / write int(x)"),
        ("size(items, 1)", "0: size() takes 1 argument, not 2 / write size(x)"),
        ("items.size(1)", "6: size() takes 0 arguments, not 1 / write x.size()"),
        ("all(items, true)", "0: all() is used in another way / write list.all(x, x > 1)"),
        ("items.all(1, true)", "10: the first argument of all() is a name for the element / write list.all(x, x > 1)"),
        (
            "has(state)",
            "4: has() asks for a field, and this is none / write has(a.b), with a field at the end; key in x asks too",
        ),
    ],
)
def test_what_cannot_be_called(source: str, error: str) -> None:
    assert said(source) == error


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("stat.x", "0: unknown name 'stat'; did you mean 'state'? / "),
        ("zzz", "0: unknown name 'zzz' / there are: state, items, text"),
        (
            "state.sevrity == 'low'",
            "6: no key 'sevrity' in state; did you mean 'severity'? / ask first: has(state.sevrity)",
        ),
        (
            "state['sevrity']",
            "5: no key 'sevrity' in state; did you mean 'severity'? / ask first: \"sevrity\" in state",
        ),
        ("state[1]", "5: no such key in state / ask first: key in map"),
        ("items.length > 0", "6: can't take the field 'length' of list / size(x) counts"),
        ("state.note.x", "11: can't take the field 'x' of null / ask first: x != null"),
        ("items.x", "6: can't take the field 'x' of list / take an element first: x[0], or all: x.map(e, e.field)"),
        ("has(items.x)", "10: has() asks a map for a key, not list / ask first: x != null && has(x.y)"),
        ("has(text.x.y)", "9: can't take the field 'x' of string / only maps have fields"),
        ("has(state[state.nine].x)", "16: no key 'nine' in state / ask first: has(state.nine)"),
        ("items[2]", "5: there is no such element: the list has 2, numbered from 0 / ask first: size(x) > 0"),
        ("items[-1]", "5: there is no such element: the list has 2, numbered from 0 / the last one is x[size(x) - 1]"),
        ("items['a']", "5: an element of a list is taken by a whole number, not string / the first one is x[0]"),
        ("state.note[0]", "10: can't take an element of null / ask first: x != null"),
        ("!items", "0: '!' needs a bool, and this is list / write size(x) == 0"),
        ("!text", "0: '!' needs a bool, and this is string / write x == \"\", or compare with the text that you mean"),
        ("items && true", "0: '&&' needs a bool, and this is list / write size(x) > 0"),
        ("false || state.rounds", "15: '||' needs a bool, and this is int / write x != 0"),
        ("state.note ? 1 : 2", "6: '? :' needs a bool, and this is null / write x != null"),
        ("items.all(x, x)", "6: the condition of all() needs a bool, and this is int / write x != 0"),
        (
            "state.rounds.all(x, true)",
            "13: all() needs a list or a map, not int / a macro goes through a list, or through the keys of a map",
        ),
        (
            "state.rounds + 0.5",
            "13: '+' does not work on int and double / numbers of different types do not mix: write double(x)",
        ),
        ("text + 1", "5: '+' does not work on string and int / to join text, write string(x)"),
        ("text * 2", "5: '*' does not work on string and int / make a number of the text: double(x), int(x)"),
        ("items + 1", "6: '+' does not work on list and int / only lists join: list + [element]"),
        ("state + state", "6: '+' does not work on map and map / maps do not join; name each key: {\"a\": x.a}"),
        ("state.note + 1", "11: '+' does not work on null and int / ask first: x != null ? x : 0"),
        ("1.5 % 1.0", "4: '%' does not work on double and double / there is a remainder of ints only: int(x) % int(y)"),
        ("text > 1", "5: '>' can't compare string with int / make a number of the text: double(x), int(x)"),
        ("state.note > 1", "11: '>' can't compare null with int / ask first: x != null && x > 1"),
        ("1 < 2 < 3", "6: '<' can't compare bool with int / compare two by two: a < b && b < c"),
        ("items > items", "6: '>' can't compare list with list / to count: size(x)"),
        ("'a' in text", "4: 'in' can't look into string / for text: x.contains(y)"),
        (
            "items.contains(1)",
            "6: contains() needs strings, and what stands before the dot is list / in a list: y in x",
        ),
        ("1 / 0", "2: division by zero / ask first: y != 0 && x / y > 1"),
        ("9223372036854775807 + 1", "20: the result does not fit an int of 64 bits / calculate with double(x)"),
        ("int(true)", "0: int() can't convert bool / write x ? 1 : 0"),
        ("int('7.5')", "0: this text is not a whole number / for a fraction: int(double(x))"),
        (
            "duration('2d')",
            '0: this text is not a duration: its units are h, m, s, ms, us, ns / write it like "1h30m"; a day is "24h"',
        ),
        ("timestamp('today')", '0: this text is not a time of RFC 3339 / write it like "2025-01-31T08:00:00Z"'),
        (
            "text.getHours()",
            "5: getHours() needs a timestamp, not string / make one of text: timestamp(x)",
        ),
        (
            "duration('1h').getHours('UTC')",
            "15: a duration has no date and no time zone / it has getHours(), getMinutes(), getSeconds()",
        ),
        ("{1.5: 2}", "0: a map's key must be a string, int, uint or bool, not double / "),
        ("{'a': 1, 'a': 2}", "0: a key stands twice in this map / keep one of them"),
    ],
)
def test_what_cannot_be_evaluated(source: str, error: str) -> None:
    assert said(source) == error


def test_every_known_mistake_has_its_example() -> None:
    examples = [mark for mark in test_what_does_not_parse.pytestmark if mark.name == "parametrize"]  # type: ignore[attr-defined]
    shown = {error.split(": ", 1)[1] for mark in examples for _, error in mark.args[1]}
    wanted = {f"{mistake.message} / {mistake.hint}" for mistake in MISTAKES}
    assert wanted <= shown, wanted - shown


@pytest.mark.parametrize(
    ("source", "hint"),
    [
        ("items", "write size(x) > 0"),
        ("text", 'write x != "", or compare with the text that you mean'),
        ("state.note", "write x != null"),
        ("state.score", "write x != 0.0"),
        ("state.rounds", "write x != 0"),
        ("b'a'", "compare it with something"),
    ],
)
def test_a_condition_gives_a_bool(source: str, hint: str) -> None:
    with pytest.raises(ExpressionError, match="a condition gives a bool, and this is") as caught:
        compile_expression(source).test(SCOPE)
    assert caught.value.hint == hint


def test_a_condition() -> None:
    assert compile_expression("state.rounds == 2").test(SCOPE) is True
    assert compile_expression("state.rounds > 2").test(SCOPE) is False
