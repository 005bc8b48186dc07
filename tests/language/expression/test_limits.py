"""Whatever an expression asks for, it ends soon, and in a clear error."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from runner.ground.errors import ExpressionError
from runner.language.expression import compile_expression, to_json
from runner.language.expression.parser import MAX_LENGTH
from runner.language.expression.resolver import MAX_DEPTH


def error_of(source: str, **names: Any) -> ExpressionError:
    with pytest.raises(ExpressionError) as caught:
        compile_expression(source).evaluate(names)
    return caught.value


def test_length() -> None:
    longest = "1" + " " * (MAX_LENGTH - 1)
    assert compile_expression(longest).evaluate({}) == 1
    assert f"{MAX_LENGTH} is the most" in error_of(longest + " ").message


@pytest.mark.parametrize(
    "source",
    [
        "1" + " + 1" * (MAX_DEPTH - 1),
        "[" * MAX_DEPTH + "]" * MAX_DEPTH,
        "!" * MAX_DEPTH + "true",
        "true ? 1 : " * (MAX_DEPTH - 1) + "1",
        "size([" * (MAX_DEPTH // 2) + "1" + "])" * (MAX_DEPTH // 2),
        "x" + ".x" * (MAX_DEPTH - 1),
    ],
)
def test_deep_expressions_are_evaluated(source: str) -> None:
    expression = compile_expression(source)
    x: dict[str, Any] = {}
    x["x"] = x
    expression.evaluate({"x": x})
    assert expression == compile_expression(source)


@pytest.mark.parametrize(
    "source", ["(" * 2000 + "1" + ")" * 2000, " && ".join(["true"] * 500), "[1," * 1 + "1," * 1500 + "]"]
)
def test_parentheses_and_chains_are_not_depth(source: str) -> None:
    assert compile_expression(source).evaluate({})


@pytest.mark.parametrize(
    "source",
    [
        "1" + " + 1" * 1000,
        "[" * 2000 + "]" * 2000,
        "!" * 4000 + "true",
        "x.y " + "".join(f"? {n} : x.y " for n in range(250)) + "? 1 : 2",
        "x" + ".x" * 2000,
        "x" + "['x']" * 800,
        "x" + "[0]" * 1300,
        "size(" * 600 + "x" + ")" * 600,
        "x.map(a, " * 200 + "x" + ")" * 200,
        "{1: " * 600 + "x" + "}" * 600,
        "x.size()" + ".size()" * 500,
    ],
)
def test_deeper_expressions_are_refused(source: str) -> None:
    with pytest.raises(ExpressionError, match=f"nested too deeply: {MAX_DEPTH} levels are the most"):
        compile_expression(source)


def test_with_little_of_the_stack_left() -> None:
    expression = compile_expression("[" * MAX_DEPTH + "]" * MAX_DEPTH)

    def from_below(depth: int) -> None:
        if depth:
            return from_below(depth - 1)
        for act in (lambda: expression.evaluate({}), lambda: compile_expression("!" * MAX_DEPTH + "true")):
            with pytest.raises(ExpressionError, match="nested too deeply"):
                act()
        return None

    here = 0
    frame = sys._getframe()
    while frame := frame.f_back:  # type: ignore[assignment]
        here += 1
    from_below(sys.getrecursionlimit() - here - 100)


@pytest.mark.parametrize(
    "source",
    [
        "x.map(a, x.map(b, a + b))",
        "x.all(a, x.all(b, x.all(c, true)))",
        "x.map(a, a + s)",
        "x.map(a, x)" + ".map(a, x)" * 3 + ".map(b, x == x)",
        "x.all(a, x == x)",
        "x.all(a, !('z' in x))",
        "x.exists(a, s.contains(a + 'b'))",
        "x.exists(a, s.matches('(a|aa)*z'))",
        "x.all(a, size(bytes(s)) > 0)",
        "x.exists(a, s.matches('a.{50}z'))",
        "y.exists(b, 'a'.matches('[^0-9]{' + b + '}x' + b))",
        "x.all(a, y.exists(b, 'a'.matches('(' + b)) || true)",
        "x.all(a, s == t)",
        "x.all(a, s <= t)",
        "x.all(a, [s] == [t])",
        "x.all(a, {'k': s} == {'k': t})",
        "x.all(a, s in [t, a])",
        "x.all(a, s in m)",
        "x.all(a, m[s] == 1)",
        "x.exists(a, x.exists(b, b.nothing))",
        "x.all(a, x.all(b, b.nothing || true))",
        "x.map(a, x + x)",
        "x.map(a, x.map(b, 1)) == 1 || true",
    ],
)
def test_work_that_multiplies_ends(source: str) -> None:
    t = "".join(["a"] * 300_000)  # another text that is the same
    others = {"t": t, "m": {t: 1}, "y": [str(i) for i in range(400, 900)]}
    error = error_of(source, x=["a"] * 4000, s="a" * 300_000, **others)
    assert error.message == "the expression takes more than 1000000 steps"
    assert error.hint == "filter the data in a node first, or use less of it"


def test_ordinary_work_is_far_from_the_limit() -> None:
    findings = [{"severity": "high", "files": ["a", "b"]}] * 10_000
    source = "x.filter(f, f.severity in ['high', 'critical'] && f.files.exists(n, n == 'b')).size()"
    assert compile_expression(source).evaluate({"x": findings}) == 10_000


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("a" * 1001, "1000 characters at most"),
        ("((a{100}){100}){100}", "this is not a pattern"),
        ("(?=a)", "this is not a pattern"),
        ("(a)\\1", "this is not a pattern"),
        ("[", "this is not a pattern"),
        ("x.{800}|y.{801}", "could cost too much"),
    ],
)
def test_patterns_are_bounded(pattern: str, message: str) -> None:
    assert message in error_of("'a'.matches(p)", p=pattern).message


def test_a_pattern_that_costs_too_much_is_told_before_anything_runs() -> None:
    compiled = compile_expression("text.matches('x.{800}|y.{801}')")
    assert [fault.message for fault in compiled.faults] == [
        "this pattern could cost too much: RE2 makes more than 10,000 instructions of it"
    ]


def test_a_pattern_that_takes_too_long_is_given_up() -> None:
    error = error_of("s.matches('a.{900}z')", s="a" * 4_000_000)
    assert error.message == "the pattern takes too long on a text of this length"


def test_a_pattern_takes_time_in_proportion() -> None:
    assert compile_expression("s.matches('^(a+)+$')").evaluate({"s": "a" * 100_000 + "b"}) is False


def test_deep_data() -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    same = [deep[0]]
    assert "nested too deeply" in error_of("x == y", x=deep, y=same).message
    with pytest.raises(ExpressionError, match="nested too deeply"):
        to_json(deep)
    while deep:
        deep = deep.pop()


def test_json_that_repeats_itself_is_bounded() -> None:
    bomb = compile_expression("x.map(a, x.map(b, x))").evaluate({"x": ["a"] * 300})
    with pytest.raises(ExpressionError, match="steps"):
        to_json(bomb)


def test_half_characters_in_data() -> None:
    for source in ("x.matches('a')", "bytes(x)", "size(x.map(c, bytes(c))) > 0", "'a'.matches(x)"):
        with pytest.raises(ExpressionError):
            compile_expression(source).evaluate({"x": "\ud800"})


@pytest.mark.parametrize("text", ["9" * 10_000, "1" * 41, "-", "+-1", "0x10", " 1", "1_0", "\u0661"])
def test_texts_that_are_no_whole_number(text: str) -> None:
    for function in ("int", "uint"):
        error_of(f"{function}(x)", x=text)


@pytest.mark.parametrize("text", ["1" * 70 + "h", "1h1", "h", "--1h", "1.2.3s", "1e3s", "9999999999h", "1\u0663h", ""])
def test_texts_that_are_no_duration(text: str) -> None:
    error_of("duration(x)", x=text)


@pytest.mark.parametrize(
    "text",
    [
        *("2025-02-30T00:00:00Z", "2025-01-01T24:00:00Z", "2025-01-01T00:00:60Z", "2025-01-01T00:00:00", "2025-01-01"),
        *("2025-01-01t00:00:00z", "0000-01-01T00:00:00Z", "2025-01-01T00:00:00+24:00", "0001-01-01T00:00:00+01:00"),
    ],
)
def test_texts_that_are_no_timestamp(text: str) -> None:
    error_of("timestamp(x)", x=text)
