"""What an expression takes for values, and what it makes of them: data as JSON has it, and nothing of Python's."""

from __future__ import annotations

import enum
import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, overload

import pytest

from runner.ground.errors import ExpressionError
from runner.language.expression import CelDuration, Map, Timestamp, Type, Uint, compile_expression, map_of, to_json


def value(source: str, **names: Any) -> Any:
    return compile_expression(source).evaluate(names)


class Lazy(dict[str, Any]):
    """Makes a value when it is asked for, as a scope of nodes does."""

    def __missing__(self, key: str) -> Any:
        if key == "late":
            return {"output": 7}
        raise KeyError(key)


class Letters(Sequence[str]):
    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[str]: ...
    def __getitem__(self, index: int | slice) -> str | Sequence[str]:
        return "abc"[index]

    def __len__(self) -> int:
        return 3


class View(Mapping[str, Any]):
    def __getitem__(self, key: str) -> Any:
        return {"a": 1}[key]

    def __iter__(self) -> Iterator[str]:
        return iter("a")

    def __len__(self) -> int:
        return 1


class Colour(enum.StrEnum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 3


def test_a_mapping_may_make_its_values_when_asked() -> None:
    assert value("nodes.late.output", nodes=Lazy()) == 7
    assert value("nodes['late'].output", nodes=Lazy()) == 7
    assert value("has(nodes.late)", nodes=Lazy()) is True
    assert value("'late' in nodes", nodes=Lazy()) is True
    assert value("has(nodes.never)", nodes=Lazy()) is False
    assert compile_expression("late.output").evaluate(Lazy()) == 7
    with pytest.raises(ExpressionError, match="no key 'lat' in nodes"):
        value("nodes.lat", nodes=Lazy(early=1))


def test_other_mappings_and_sequences_are_maps_and_lists() -> None:
    assert value("x.a + size(x)", x=View()) == 2
    assert value("x == {'a': 1}", x=View()) is True
    assert value("x[1] + x[2]", x=Letters()) == "bc"
    assert value("x + ['d']", x=Letters()) == ["a", "b", "c", "d"]
    assert value("x == ['a', 'b', 'c'] && 'b' in x", x=Letters()) is True
    assert value("type(x) == list && type(y) == map", x=(1, 2), y=View()) is True
    assert value("x.map(y, y * 2)", x=(1, 2)) == [2, 4]


def test_subclasses_of_plain_types_are_plain() -> None:
    assert value("x + 1", x=Level.HIGH) == 4
    assert type(value("x", x=Level.HIGH)) is int
    assert type(value("x", x=Colour.RED)) is str
    assert value("x == 'red' && x in ['red']", x=Colour.RED) is True
    assert value("'red' in x && 3 in x", x=[Colour.RED, Level.HIGH]) is True


@pytest.mark.parametrize("thing", [object(), {1, 2}, datetime(2025, 1, 1, tzinfo=UTC), 1j, bytearray(b"a"), print])
def test_things_of_python_are_no_values(thing: object) -> None:
    for source in ("x", "x == 1", "x.real", "[x][0]"):
        with pytest.raises(ExpressionError, match="is not a value of expressions"):
            value(source, x=thing)


@pytest.mark.parametrize("source", ["x.secret", "x.__class__", "x['secret']", "x.a.__dict__", "x.keys", "y.__len__"])
def test_nothing_reaches_into_python(source: str) -> None:
    with pytest.raises(ExpressionError):
        value(source, x=SimpleNamespace(secret=1) if "a" not in source else {"a": "b"}, y=[])


def test_an_integer_beyond_64_bits_is_an_error() -> None:
    for source in ("x", "x > 1", "y[0]", "y.all(z, z > 1)", "m.x", "x == 1", "1.5 in y", "y == [1.5]"):
        with pytest.raises(ExpressionError, match="does not fit 64 bits"):
            value(source, x=2**63, y=[10**400], m={"x": -(2**63) - 1})


def test_a_bool_is_no_int() -> None:
    assert value("x == 1 || x == 1.0 || 1 in [x] || [x] == [1]", x=True) is False
    assert value("type(x) == bool", x=True) is True
    with pytest.raises(ExpressionError):
        value("x + 1", x=True)
    with pytest.raises(ExpressionError):
        value("[5, 6][x]", x=True)


def test_a_bool_is_no_number_as_a_key() -> None:
    assert value("{true: 'a', 1: 'b'}[1]") == "b"
    assert value("{true: 'a', 1: 'b'}[true]") == "a"
    assert value("true in {1: 2} || 1 in {true: 2} || 1.0 in {true: 2}") is False
    assert value("{true: 1} == {1: 1}") is False
    with pytest.raises(ExpressionError, match="no such key"):
        value("x[true]", x={"a": 1})


def test_numbers_are_one_key_if_equal() -> None:
    assert value("{1: 'a'}[1u] + {1u: 'b'}[1.0]") == "ab"
    assert value("{1: 2} == {1u: 2.0}") is True
    with pytest.raises(ExpressionError, match="twice"):
        value("{1: 2, 1u: 3}")


def test_numbers_of_different_types_compare() -> None:
    assert value("1 == 1.0 && 1u == 1 && 1 < 1.5 && 2u > 1.5 && [1] == [1.0]") is True
    assert value("x == x || [x] == [x] || x < 1.0 || x >= 1.0", x=math.nan) is False


def test_what_has_no_order_is_equal_or_not() -> None:
    assert value("null == null && {} == {} && [] != {} && 'a' != 1 && null != 0 && null != false") is True


def test_types_are_values() -> None:
    assert value("type(x)", x=1) == Type("int")
    assert (
        value(
            "[1, 2u, 1.5, 'a', b'a', true, null, [], {}, int].map(x, type(x)) == "
            "[int, uint, double, string, bytes, bool, null_type, list, map, type]"
        )
        is True
    )
    assert value("type(timestamp(0)) == google.protobuf.Timestamp") is True


def test_a_name_of_the_scope_comes_before_a_type() -> None:
    assert value("list.size() + list[0]", list=[5]) == 6
    assert [str(found) for found in compile_expression("list.size() + list[0] + map.x").references] == ["map.x"]


def test_functions_of_text() -> None:
    assert value("'héllo'.size() == 5 && size(b'é') == 2") is True
    assert value("'abc'.startsWith('ab') && 'abc'.endsWith('bc') && 'abc'.contains('b')") is True
    assert value("matches('abc', '^a.c$') && 'xaby'.matches('a(b|c)')") is True
    assert value("string(1.0) + string(0.1) + string(1e21) + string(true) + string(2u)") == "10.11e+21true2"
    assert value("[double('NaN') == 1.0, string(double('-Infinity'))]") == [False, "-Infinity"]


def test_times() -> None:
    assert value("timestamp('2025-01-31T23:59:59.5+01:00') + duration('1h')") == Timestamp(1738367999500000000)
    assert value("duration('1h1m1.5s') - duration('1ns')") == CelDuration(3661499999999)
    assert value("string(timestamp('2025-01-31T23:00:00+01:00'))") == "2025-01-31T22:00:00Z"
    assert value("string(duration('-1.05s')) + string(duration('90m'))") == "-1.05s5400s"
    local = "timestamp('2024-12-31T23:30:00Z').{}('Europe/Rome')"
    assert value(local.format("getFullYear")) == 2025
    assert value(local.format("getDayOfYear")) == 0
    assert value("timestamp('2025-02-02T00:00:00Z').getDayOfWeek()") == 0
    assert value("timestamp('2025-01-01T00:00:00Z') < timestamp('2025-01-02T00:00:00Z')") is True


@pytest.mark.parametrize("zone", ["localtime", "../x", "/etc/passwd", "America", "", "x\0", "25:00", "+1:70", "é"])
def test_time_zones_that_are_none(zone: str) -> None:
    with pytest.raises(ExpressionError, match="no such time zone"):
        value("timestamp(0).getHours(z)", z=zone)


@pytest.mark.parametrize("zone", ["-23:59", "America/New_York"])
def test_a_time_before_the_first_year_of_a_zone(zone: str) -> None:
    with pytest.raises(ExpressionError, match="out of range in that zone"):
        value("timestamp('0001-01-01T00:00:00Z').getHours(z)", z=zone)


def test_errors_are_absorbed_where_one_side_decides() -> None:
    assert value("x.y || true", x={}) is True
    assert value("true || x.y", x={}) is True
    assert value("x.y && false", x={}) is False
    assert value("1 && false || 'a' || true") is True
    assert value("[1, 0].exists(n, 1 / n == 1)") is True
    assert value("[0, 1].exists(n, 1 / n == 1)") is True
    assert value("[0, 1].all(n, 1 / n == 5)") is False
    for source in ("x.y || false", "x.y && true", "[0].all(n, 1 / n == 1)", "[0, 1].exists_one(n, 1 / n == 1)"):
        with pytest.raises(ExpressionError):
            value(source, x={})


def test_macros() -> None:
    assert value("[3, 1, 2].filter(n, n > 1).map(n, n * 10)") == [30, 20]
    assert value("[3, 1, 2].map(n, n > 1, n * 10)") == [30, 20]
    assert value("{'a': 1, 'b': 2}.map(k, k)") == ["a", "b"]
    assert value("[1, 2].map(a, [10, 20].map(b, a + b))") == [[11, 21], [12, 22]]
    assert value("[1, 2].map(a, [a].map(a, a * 10)[0] + a)") == [11, 22]
    assert value("[1, 2, 2].exists_one(n, n == 2)") is False
    assert value("[2].exists(item, item == 2) && item == 1", item=1) is True


def test_evaluating_changes_nothing() -> None:
    expression = compile_expression("[[1, 2], {'a': [3]}]")
    first = expression.evaluate({})
    first[0].append(9)
    assert expression.evaluate({}) == [[1, 2], {"a": [3]}]


@pytest.mark.parametrize(
    ("source", "json"),
    [
        ("1u", 1),
        ("[1, 'a', null, true, 1.5]", [1, "a", None, True, 1.5]),
        ("{'a': {'b': [1u]}}", {"a": {"b": [1]}}),
        ("timestamp('2025-01-31T00:00:00Z')", "2025-01-31T00:00:00Z"),
        ("[duration('90s')]", ["90s"]),
    ],
)
def test_json(source: str, json: Any) -> None:
    assert compile_expression(source).json({}) == json


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("b'a'", "no form for bytes"),
        ("[int]", "no form for type"),
        ("1.0 / 0.0", "no form for an infinite double"),
        ("{1: 2}", "keys of JSON are strings, and this one is int"),
        ("{'a': {true: 2}}", "keys of JSON are strings, and this one is bool"),
    ],
)
def test_what_json_has_no_form_for(source: str, message: str) -> None:
    with pytest.raises(ExpressionError, match=message):
        compile_expression(source).json({})


def test_json_is_a_copy() -> None:
    scope = {"x": {"a": [1]}}
    made = compile_expression("x").json(scope)
    made["a"].append(2)
    assert scope == {"x": {"a": [1]}}


def test_json_of_other_containers() -> None:
    assert to_json((View(), Letters(), Level.HIGH)) == [{"a": 1}, ["a", "b", "c"], 3]
    with pytest.raises(ExpressionError, match="not a value"):
        to_json([object()])
    with pytest.raises(ExpressionError, match="64 bits"):
        to_json(2**64)


def test_maps() -> None:
    assert dict(map_of([("a", 1)])) == {"a": 1}
    mixed = map_of([("a", 1), (True, 2), (1, 3)])
    assert isinstance(mixed, Map)
    assert list(mixed) == ["a", True, 1]
    assert [mixed["a"], mixed[True], mixed[1], mixed[Uint(1)]] == [1, 2, 3, 3]
