"""Reading JSON strictly."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from runner.ground.json_text import MAX_DEPTH, NotJson, parse_json

VALUES = some.recursive(
    some.none()
    | some.booleans()
    | some.integers(-(2**63), 2**63 - 1)
    | some.floats(allow_nan=False, allow_infinity=False)
    | some.text(),
    lambda inner: some.lists(inner) | some.dictionaries(some.text(), inner),
)


@given(VALUES)
def test_what_is_json_is_read_as_it_is(value: Any) -> None:
    assert parse_json(json.dumps(value)) == value


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("-Infinity", "-Infinity is no JSON number"),
        ("1e999", "the number 1e999 is too large"),
        ("-9223372036854775809", "the number -9223372036854775809 does not fit 64 bits; give it as text"),
        ("7" * 5000, "a number of 5000 digits does not fit 64 bits; give it as text"),
        ("[1] [2]", "line 1, column 5: extra data"),
        ('{"a": {"b": 1, "b": 1}}', "the key 'b' is given twice"),
        ("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1), "it is nested deeper than 100 levels"),
        ('{"a":' * (MAX_DEPTH + 1) + "1" + "}" * (MAX_DEPTH + 1), "it is nested deeper than 100 levels"),
        ("[" * 100_000, "it is nested deeper than 100 levels"),
    ],
)
def test_what_is_not_is_refused(text: str, reason: str) -> None:
    with pytest.raises(NotJson) as refused:
        parse_json(text)
    assert str(refused.value) == reason


def test_the_deepest_value_that_is_taken() -> None:
    text = "[" * MAX_DEPTH + "]" * MAX_DEPTH
    assert json.dumps(parse_json(text)) == text


@pytest.mark.parametrize("text", ['"\\ud800"', '{"\\udc00": 1}', '["\\ud83d \\ude00"]', '"\ud800"'])
def test_half_of_a_character_pair_is_refused(text: str) -> None:
    with pytest.raises(NotJson, match="half of a character pair"):
        parse_json(text)


def test_a_whole_pair_is_one_character() -> None:
    assert parse_json('"\\ud83d\\ude00"') == "\N{GRINNING FACE}"
