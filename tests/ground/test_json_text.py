"""Reading JSON strictly."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from runner.ground.json_text import MAX_DEPTH, MAX_VALUES, NotJson, TooManyValues, _unique, parse_json
from runner.ground.plain import one_line

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


KEYS = some.lists(some.text(max_size=3), max_size=12)


@given(KEYS)
def test_a_key_given_twice_is_named_the_first_that_is(keys: list[str]) -> None:
    text = "{" + ",".join(f"{json.dumps(key)}: 1" for key in keys) + "}"
    repeated = [key for place, key in enumerate(keys) if key in keys[:place]]
    if not repeated:
        assert list(parse_json(text)) == keys
        return
    with pytest.raises(NotJson) as refused:
        parse_json(text)
    assert str(refused.value) == f"the key {one_line(repeated[0])!r} is given twice"


class Counted(str):
    """A text that counts how often it is compared."""

    compared = 0
    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        Counted.compared += 1
        return str.__eq__(self, other)


def test_the_repeated_key_is_found_without_comparing_each_with_all() -> None:
    pairs: list[tuple[str, Any]] = [(Counted(f"key {i}"), i) for i in range(10_000)]
    pairs.append((Counted("key 9999"), 0))
    Counted.compared = 0
    with pytest.raises(NotJson, match="the key 'key 9999' is given twice"):
        _unique(pairs)
    assert Counted.compared < 100


def test_a_long_key_is_shown_shortened() -> None:
    key = "k" * 100_000
    with pytest.raises(NotJson) as refused:
        parse_json(f'{{"{key}": 1, "{key}": 2}}')
    assert str(refused.value) == f"the key '{key[:79]}…' is given twice"


def test_the_deepest_value_that_is_taken() -> None:
    text = "[" * MAX_DEPTH + "]" * MAX_DEPTH
    assert json.dumps(parse_json(text)) == text


@pytest.mark.parametrize("text", ['"\\ud800"', '{"\\udc00": 1}', '["\\ud83d \\ude00"]', '"\ud800"'])
def test_half_of_a_character_pair_is_refused(text: str) -> None:
    with pytest.raises(NotJson, match="half of a character pair"):
        parse_json(text)


def test_a_whole_pair_is_one_character() -> None:
    assert parse_json('"\\ud83d\\ude00"') == "\N{GRINNING FACE}"


@pytest.mark.parametrize("part", ["0,", "[],", '[{"a":'])
def test_more_values_than_anybody_waits_for_are_refused_before_they_are_read(part: str) -> None:
    with pytest.raises(TooManyValues, match=f"it holds more than {MAX_VALUES:,} values"):
        parse_json(f"[{part * MAX_VALUES}0]")


@pytest.mark.parametrize("inner", [",", "[", "{", '\\",', "\\\\\\n[,"])
def test_what_stands_in_a_text_is_no_value(inner: str) -> None:
    text = inner * (MAX_VALUES + 1)
    assert parse_json(f'["{text}", 1]')[1] == 1


def test_as_many_values_as_are_taken() -> None:
    assert len(parse_json("[" + "0," * (MAX_VALUES - 2) + "0]")) == MAX_VALUES - 1


def test_what_is_wide_is_not_deep() -> None:
    wide = [[7]] * (MAX_DEPTH + 1)
    assert parse_json(json.dumps(wide)) == wide
    deepest = "[[]," + "[" * (MAX_DEPTH - 1) + "7" + "]" * MAX_DEPTH
    assert json.dumps(parse_json(deepest), separators=(",", ":")) == deepest
