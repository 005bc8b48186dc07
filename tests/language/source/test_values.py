"""What YAML text means: the core schema of YAML 1.2, and nothing beyond JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest

from runner.language.source import parse

MEANINGS: list[tuple[str, Any]] = [
    ("null", None),
    ("~", None),
    ("", None),
    ("true", True),
    ("False", False),
    ("0", 0),
    ("-12", -12),
    ("+12", 12),
    ("012", 12),
    ("0o14", 12),
    ("0x1F", 31),
    ("9223372036854775807", 9223372036854775807),
    ("-9223372036854775808", -9223372036854775808),
    ("1.5", 1.5),
    ("-.5e3", -500.0),
    ("1e3", 1000.0),
    ("5.", 5.0),
    ("yes", "yes"),
    ("no", "no"),
    ("on", "on"),
    ("off", "off"),
    ("tRue", "tRue"),
    ("2030-01-31", "2030-01-31"),
    ("2030-01-31T09:00:00Z", "2030-01-31T09:00:00Z"),
    ("12:30:45", "12:30:45"),
    ("1_000", "1_000"),
    ("0b11", "0b11"),
    ("1.2.3", "1.2.3"),
    ("0o8", "0o8"),
    ("٣", "٣"),
    ("'5'", "5"),
    ('"true"', "true"),
    ("'it''s'", "it's"),
    ('"a\\tb\\u00e9\\x41"', "a\tbéA"),
    ('"\\ud83d\\ude00"', "😀"),
    ("[]", []),
    ("{}", {}),
    ("[a, {b: c}]", ["a", {"b": "c"}]),
    ("{a: , b}", {"a": None, "b": None}),
    ("pattern:review-refine", "pattern:review-refine"),
    ("a {{ x }} b", "a {{ x }} b"),
    ("a ? b", "a ? b"),
    ("\N{ZERO WIDTH NO-BREAK SPACE}x", "\N{ZERO WIDTH NO-BREAK SPACE}x"),
]


@pytest.mark.parametrize(("text", "value"), MEANINGS, ids=[text for text, _ in MEANINGS])
def test_a_value_means_what_the_core_schema_says(text: str, value: Any) -> None:
    read = parse(f"a: {text}\n", "f.yaml").data["a"]
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("|\n  a\n  b\n", "a\nb\n"),
        ("|-\n  a\n", "a"),
        ("|+\n  a\n\n", "a\n\n"),
        (">\n  a\n  b\n\n  c\n", "a b\nc\n"),
        ("|2\n    a\n", "  a\n"),
        ("a\n  b\n", "a b"),
        ('"a\n  b\n\n  c"\n', "a b\nc"),
        ("|\n  a # b\n  # c\n", "a # b\n# c\n"),
    ],
)
def test_text_over_several_lines_is_joined_as_yaml_says(text: str, value: str) -> None:
    assert parse(f"a: {text}", "f.yaml").data == {"a": value}


def test_a_byte_order_mark_and_other_line_ends_are_taken() -> None:
    source = parse("\ufeffa: 1\r\nb: |\r\n  x\r\n  y\r\nc: 3\rd: 4".encode(), "f.yaml")
    assert source.data == {"a": 1, "b": "x\ny\n", "c": 3, "d": 4}
    assert source.place(("d",)).line == 6


def test_an_alias_repeats_a_value_that_can_be_changed_by_itself() -> None:
    data = parse("a: &x {b: [1]}\nc: *x\n", "f.yaml").data
    data["a"]["b"].append(2)
    assert data == {"a": {"b": [1, 2]}, "c": {"b": [1]}}


def test_json_is_yaml() -> None:
    value = {"a": [1, 2.5, None, True, "x: y # z", {"b": "\n\t\"'"}], "é": "😀", "": "-"}
    assert parse(json.dumps(value, indent=2), "f.json").data == value
    assert parse(json.dumps(value, ensure_ascii=False), "f.json").data == value
