"""Whatever the text and whatever the data: a value, or an ExpressionError, and the same each time."""

from __future__ import annotations

import copy
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.ground.errors import ExpressionError
from runner.language.expression import Expression, compile_expression, to_json
from runner.language.expression.functions import FUNCTIONS
from runner.language.expression.values import TYPE_NAMES, type_of

NAMES = ("a", "b", "state", "items")

numbers = st.integers() | st.floats()
scalars = st.none() | st.booleans() | numbers | st.text(st.characters(exclude_categories=[]), max_size=8)
json = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=4), inner, max_size=4)
    ),
    max_leaves=12,
)
scopes = st.fixed_dictionaries({}, optional=dict.fromkeys(NAMES, json))

literals = st.sampled_from(
    [
        *("0", "1", "2u", "1.5", "-1", "9223372036854775807", "'a'", "'2025-01-01T00:00:00Z'", "'1h'", "b'a'", "r'[a'"),
        *("true", "false", "null", "[]", "{}", "'UTC'", "timestamp(0)", "duration('1s')", *TYPE_NAMES),
    ]
)
operators = st.sampled_from(["+", "-", "*", "/", "%", "==", "!=", "<", "<=", ">", ">=", "in", "&&", "||"])
names = st.sampled_from(NAMES)
functions = st.sampled_from(sorted(FUNCTIONS))
macros = st.sampled_from(["all", "exists", "exists_one", "map", "filter"])


def _larger(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.builds("({} {} {})".format, inner, operators, inner),
        st.builds("({} {} {})".format, inner, operators, inner),
        st.builds("!({})".format, inner),
        st.builds("-({})".format, inner),
        st.builds("({} ? {} : {})".format, inner, inner, inner),
        st.builds("[{}, {}]".format, inner, inner),
        st.builds("{{({}): {}}}".format, inner, inner),
        st.builds("({}).{}".format, inner, names),
        st.builds("has(({}).{})".format, inner, names),
        st.builds("({})[{}]".format, inner, inner),
        st.builds("{}({})".format, functions, inner),
        st.builds("({}).{}({})".format, inner, functions, inner),
        st.builds("({}).{}()".format, inner, functions),
        st.builds("({}).{}({}, {})".format, inner, macros, names, inner),
    )


sources = st.recursive(literals | names, _larger, max_leaves=8)

tokens = st.sampled_from(
    [
        *("a", "b.c", "1", "1.5", "'x'", '"', "'", "(", ")", "[", "]", "{", "}", ",", ".", ":", "?", "==", "=", "&&"),
        *("&", "|", "||", "!", "-", "+", "in", "not", "and", "is", "if", "has(", ".all(x,", "//", "\n", "`", "\\"),
        *("null", "for", "{{", "b'"),
    ]
)


def compiled(source: str) -> Expression | None:
    try:
        return compile_expression(source, check=False)
    except ExpressionError as error:
        _check(error, source)
        return None


def _check(error: ExpressionError, source: str) -> None:
    assert 0 <= error.offset <= len(source)
    assert error.width >= 1
    assert error.message
    assert "\n" not in error.message


@given(st.text(max_size=60))
def test_any_text(source: str) -> None:
    compiled(source)


@given(st.lists(tokens, max_size=14).map(" ".join) | st.lists(tokens, max_size=14).map("".join))
def test_any_tokens(source: str) -> None:
    if expression := compiled(source):
        with_or_without_error(expression, {})


@given(sources, scopes)
def test_any_expression_over_any_data(source: str, scope: dict[str, Any]) -> None:
    expression = compiled(source)
    if not expression:
        return
    before = copy.deepcopy(scope)
    first = with_or_without_error(expression, scope)
    assert first == with_or_without_error(expression, scope)
    assert repr(scope) == repr(before)


def with_or_without_error(expression: Expression, scope: dict[str, Any]) -> str:
    """The value in full with its type, or the error in full."""
    try:
        value = expression.evaluate(scope)
    except ExpressionError as error:
        _check(error, expression.source)
        return f"{error.offset}: {error}"
    try:
        to_json(value)
    except ExpressionError as error:
        assert error.message  # noqa: PT017 - the value is what the test is about
    return f"{type_of(value).name} {value!r}"


@given(sources, scopes)
def test_what_is_checked_means_the_same(source: str, scope: dict[str, Any]) -> None:
    try:
        checked = compile_expression(source)
    except ExpressionError:
        return
    unchecked = compiled(source)
    assert unchecked
    assert with_or_without_error(checked, scope) == with_or_without_error(unchecked, scope)


@given(sources, sources, scopes)
def test_and_or_commute_in_value(left: str, right: str, scope: dict[str, Any]) -> None:
    for operator in ("&&", "||"):
        results = []
        for one, other in ((left, right), (right, left)):
            expression = compiled(f"({one}) {operator} ({other})")
            assert expression
            try:
                results.append(str(expression.evaluate(scope)))
            except ExpressionError:
                results.append("error")
        assert results[0] == results[1]


@given(json, json)
def test_equality_of_json_is_symmetric_and_tells_bools_from_numbers(one: Any, other: Any) -> None:
    equal = compile_expression("a == b")
    try:
        forth, back = equal.evaluate({"a": one, "b": other}), equal.evaluate({"a": other, "b": one})
    except ExpressionError:
        return
    assert forth is back
    if isinstance(one, bool) is not isinstance(other, bool):
        assert forth is False


@given(st.integers(-(2**63), 2**63 - 1), st.integers(-(2**63), 2**63 - 1))
def test_whole_numbers_divide_as_they_should(a: int, b: int) -> None:
    names = {"a": a, "b": b}
    if b == 0 or (a == -(2**63) and b == -1):
        with pytest.raises(ExpressionError):
            compile_expression("a / b").evaluate(names)
        return
    assert compile_expression("(a / b) * b + a % b == a").evaluate(names) is True
    quotient = compile_expression("a / b").evaluate(names)
    assert abs(quotient) == abs(a) // abs(b)


@given(st.integers(-62_135_596_800, 253_402_300_799), st.integers(0, 999_999_999))
def test_times_survive_their_text(seconds: int, nanoseconds: int) -> None:
    source = f"timestamp(string(t)) == t && timestamp({seconds}) + duration('{nanoseconds}ns') == t"
    moment = compile_expression(f"timestamp({seconds}) + duration('{nanoseconds}ns')").evaluate({})
    assert compile_expression(source).evaluate({"t": moment}) is True


@given(st.integers(-(2**63), 2**63 - 1))
def test_durations_survive_their_text(nanoseconds: int) -> None:
    length = compile_expression(f"duration('{nanoseconds}ns')").evaluate({})
    assert compile_expression("duration(string(d)) == d").evaluate({"d": length}) is True


@given(st.floats(allow_nan=False))
def test_doubles_survive_their_text(number: float) -> None:
    made = compile_expression("double(string(x))").evaluate({"x": number})
    assert (made, math.copysign(1, made)) == (number, math.copysign(1, number))


@given(json)
def test_json_stays_json(value: Any) -> None:
    try:
        made = to_json(value)
    except ExpressionError:
        return
    assert repr(made) == repr(value)
