"""Whole numbers that come from outside as fractions: 3.0 under `type: integer` is 3, anywhere in a value."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.language.schema import compile_schema

INTEGER = {"type": "integer"}


@pytest.mark.parametrize(
    ("schema", "given", "taken"),
    [
        (INTEGER, 3.0, "3"),
        (INTEGER, -0.0, "0"),
        (INTEGER, 3.5, "3.5"),
        (INTEGER, 1e300, "1e+300"),
        (INTEGER, "3.0", "'3.0'"),
        ({"type": "number"}, 3.0, "3.0"),
        ({"type": ["integer", "null"]}, 3.0, "3"),
        ({"type": ["integer", "number"]}, 3.0, "3.0"),
        ({}, 3.0, "3.0"),
        ({"type": "array", "items": INTEGER}, [1.0, 2], "[1, 2]"),
        ({"prefixItems": [INTEGER], "items": {"type": "number"}}, [1.0, 2.0], "[1, 2.0]"),
        ({"properties": {"hens": INTEGER}}, {"hens": 4.0, "kg": 2.0}, "{'hens': 4, 'kg': 2.0}"),
        ({"additionalProperties": INTEGER}, {"a": 4.0}, "{'a': 4}"),
        ({"patternProperties": {"^n_": INTEGER}}, {"n_a": 4.0, "m": 4.0}, "{'n_a': 4, 'm': 4.0}"),
        ({"$defs": {"n": INTEGER}, "items": {"$ref": "#/$defs/n"}}, [5.0], "[5]"),
        ({"anyOf": [{"type": "string"}, INTEGER]}, 6.0, "6"),
        ({"anyOf": [{"type": "number"}, INTEGER]}, 6.0, "6.0"),
        ({"oneOf": [{"properties": {"n": INTEGER}, "required": ["n"]}, {"type": "null"}]}, {"n": 7.0}, "{'n': 7}"),
        ({"allOf": [INTEGER, {"minimum": 1}]}, 8.0, "8"),
        ({"if": {"type": "object"}, "then": {"properties": {"n": INTEGER}}}, {"n": 9.0}, "{'n': 9}"),
    ],
)
def test_a_whole_number_is_taken_as_one_where_the_schema_asks_for_it(schema: Any, given: Any, taken: str) -> None:
    assert repr(compile_schema(schema).received(given)) == taken


def test_a_bound_holds_for_what_is_taken() -> None:
    schema = compile_schema({"type": "integer", "minimum": 4})
    assert schema.errors(schema.received(3.0))


@given(st.lists(st.integers(-(2**53), 2**53)))
def test_how_whole_numbers_are_written_makes_no_difference(numbers: list[int]) -> None:
    schema = compile_schema({"type": "array", "items": INTEGER})
    assert schema.received([float(number) for number in numbers]) == schema.received(numbers) == numbers
    assert all(type(number) is int for number in schema.received([float(number) for number in numbers]))
