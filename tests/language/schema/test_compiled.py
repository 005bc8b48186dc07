"""JSON Schemas that users write: what is refused in them, and what they say of values."""

from __future__ import annotations

import socket
import time
from decimal import Decimal
from typing import Any

import pytest

from runner.ground.errors import WorkflowError
from runner.language.schema import UnusableSchema, check_schema, compile_schema

ADDRESS = {"properties": {"street": {"type": "string"}, "zip": {"type": "string", "pattern": "^[0-9]{5}$"}}}
PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "minLength": 1, "maxLength": 10},
        "age": {"type": "integer", "minimum": 0, "exclusiveMaximum": 150},
        "score": {"type": "number"},
        "level": {"enum": ["low", "high"]},
        "tags": {"type": "array", "items": {"type": "string"}, "maxItems": 2, "uniqueItems": True},
        "home": {"$ref": "#/$defs/address"},
        "contact": {"anyOf": [{"type": "string"}, {"type": "null"}]},
    },
    "required": ["name"],
    "additionalProperties": False,
    "$defs": {"address": {"type": "object", **ADDRESS, "required": ["street"], "additionalProperties": False}},
}

SAID: list[tuple[Any, list[str]]] = [
    ({"name": "Ann", "age": 7, "score": 1, "tags": ["a"], "home": {"street": "x"}, "contact": None}, []),
    ("Ann", ['person: expected a mapping, got "Ann"']),
    ({}, ["person: 'name' is missing"]),
    ({"name": ""}, ["person.name: must not be empty"]),
    ({"name": "x" * 11}, ["person.name: expected at most 10 characters, got 11"]),
    ({"name": 5}, ["person.name: expected text, got the number 5"]),
    ({"name": "A", "age": 7.0}, ["person.age: expected a whole number, got the number 7.0"]),
    ({"name": "A", "age": "7"}, ['person.age: expected a whole number, got "7"']),
    ({"name": "A", "age": True}, ["person.age: expected a whole number, got true"]),
    ({"name": "A", "age": -1}, ["person.age: expected at least 0, got the number -1"]),
    ({"name": "A", "age": 150}, ["person.age: expected less than 150, got the number 150"]),
    ({"name": "A", "score": "high"}, ['person.score: expected a number, got "high"']),
    ({"name": "A", "score": float("nan")}, ["person.score: expected a number, got the number nan"]),
    ({"name": "A", "level": "hihg"}, ['person.level: expected "low" or "high", got "hihg"; did you mean \'high\'?']),
    ({"name": "A", "level": None}, ['person.level: expected "low" or "high", got null']),
    ({"name": "A", "tags": "x"}, ['person.tags: expected a list of strings, got "x"']),
    ({"name": "A", "tags": ["x", 5]}, ["person.tags[1]: expected text, got the number 5"]),
    ({"name": "A", "tags": ["x", "y", "z"]}, ["person.tags: expected at most 2 items, got 3"]),
    ({"name": "A", "tags": ["x", "x"]}, ["person.tags[1]: the same as [0]"]),
    ({"name": "A", "home": {"zip": "123"}}, [
        'person.home.zip: expected text that matches ^[0-9]{5}$, got "123"',
        "person.home: 'street' is missing",
    ]),
    ({"name": "A", "contact": 5}, ["person.contact: expected text or null, got the number 5"]),
    ({"name": "A", "agee": 5}, ["person: unknown key 'agee'; did you mean 'age'?"]),
]  # fmt: skip

PATTERNS_OF_RE2 = r"; patterns are those of RE2: no look-around, no \1"

PATTERNS_OF_RE2 = r"; patterns are those of RE2: no look-around, no \1"

REFUSED: list[tuple[Any, list[tuple[tuple[str | int, ...], str]]]] = [
    (5, [((), "expected a JSON Schema: a mapping of its keywords, got the number 5")]),
    ({"typ": "string"}, [(("typ",), "unknown key 'typ'; did you mean 'type'?")]),
    ({"required": "a"}, [(("required",), 'expected a list of strings, got "a"')]),
    ({"minLength": -1}, [(("minLength",), "expected at least 0, got the number -1")]),
    ({"items": [{}]}, [(("items",), "expected a JSON Schema: a mapping of its keywords, got a list")]),
    ({"properties": {"a": {"enum": []}}}, [(("properties", "a", "enum"), "must not be empty")]),
    ({"$id": "https://example.org/x"}, [(("$id",), "unknown key '$id'")]),
    (
        {"$schema": "http://json-schema.org/draft-04/schema#"},
        [
            (
                ("$schema",),
                'expected "https://json-schema.org/draft/2020-12/schema", got "http://json-schema.org/draft-04/schema#"',
            )
        ],
    ),
    ({"$ref": "#/$defs/x"}, [(("$ref",), "'#/$defs/x' leads to no schema")]),
    ({"$ref": "#/properties", "properties": {}}, [(("$ref",), "'#/properties' leads to no schema")]),
    (
        {"$ref": "file:///etc/passwd"},
        [
            (
                ("$ref",),
                'expected a reference within this schema, such as #/$defs/NAME, got "file:///etc/passwd"',
            )
        ],
    ),
    ({"$ref": "#"}, [(("$ref",), "'#' leads back to itself without going into the value")]),
    (
        {"dependentSchemas": {"a": {"$ref": "#"}}},
        [(("dependentSchemas", "a", "$ref"), "'#' leads back to itself without going into the value")],
    ),
    (
        {"$ref": "#/$defs/a", "$defs": {"a": {"anyOf": [{"not": {"$ref": "#/$defs/a"}}]}}},
        [(("$ref",), "'#/$defs/a' leads back to itself without going into the value")],
    ),
    ({"pattern": "(?=a)b"}, [(("pattern",), f"this is not a pattern: invalid perl operator: (?={PATTERNS_OF_RE2}")]),
    (
        {"patternProperties": {"(": {}}},
        [(("patternProperties", "("), f"this is not a pattern: missing ): ({PATTERNS_OF_RE2}")],
    ),
    ({"pattern": "a" * 1001}, [(("pattern",), "a pattern may have 1000 characters at most")]),
    (
        {"patternProperties": {"x.{800}y.{800}z": True}},
        [
            (
                ("patternProperties", "x.{800}y.{800}z"),
                "this pattern could cost too much: RE2 makes more than 10,000 instructions of it; repeat less, and "
                "fewer kinds of characters; a text's length is better asked for by itself",
            )
        ],
    ),
]


@pytest.mark.parametrize(("value", "said"), SAID, ids=[str(value)[:50] for value, _ in SAID])
def test_a_value_that_does_not_fit_is_told_with_its_path(value: Any, said: list[str]) -> None:
    schema = compile_schema(PERSON)
    assert [error.text("person") for error in schema.errors(value)] == said
    assert schema.fits(value) == (not said)


@pytest.mark.parametrize(("schema", "said"), REFUSED, ids=[str(schema)[:50] for schema, _ in REFUSED])
def test_a_schema_that_can_not_be_used_is_told(schema: Any, said: Any) -> None:
    assert check_schema(schema) == said
    with pytest.raises(UnusableSchema) as caught:
        compile_schema(schema)
    assert isinstance(caught.value, WorkflowError)
    assert caught.value.errors == said
    assert said[0][1] in caught.value.message


def test_an_error_has_its_path_and_says_it() -> None:
    [error] = compile_schema({"items": {"properties": {"b c": {"const": None}}}}).errors([{}, {"b c": [1]}])
    assert error.path == (1, "b c")
    assert error.message == '[1]["b c"]: expected null, got a list'
    assert error.text("output") == 'output[1]["b c"]: expected null, got a list'


def test_a_secret_value_is_not_shown() -> None:
    schema = compile_schema({"type": "object", "properties": {"key": {"type": "string", "maxLength": 3}}})
    assert [error.message for error in schema.errors({"key": "hunter2"}, secret=True)] == [
        "key: does not fit its schema"
    ]


@pytest.mark.parametrize(
    ("schema", "value", "said"),
    [
        ({"oneOf": [{"type": "string"}, {"minLength": 1}]}, "x", ["fits several forms of which it may have one"]),
        ({"anyOf": [{"type": "integer"}, {"enum": ["a", None]}]}, [], [
            'expected a whole number, "a" or null, got an empty list'
        ]),
        ({"anyOf": [{"type": "object", "required": ["a"]}, {"type": "string"}]}, {}, ["'a' is missing"]),
        ({"not": {"type": "null"}}, None, ["null is not allowed here"]),
        ({"properties": {"a": False}}, {"a": 1}, ["a: the number 1 is not allowed here"]),
        ({"multipleOf": 5}, 7, ["expected a multiple of 5, got the number 7"]),
        ({"contains": {"type": "null"}}, [1], ["no item is of the kind that one must be"]),
        ({"contains": {"type": "null"}, "minContains": 2}, [None], ["expected at least 2 items of a certain kind"]),
        ({"contains": True, "maxContains": 1}, [1, 2], ["expected at most 1 item of a certain kind"]),
        ({"prefixItems": [True], "items": False}, [1, 2], ["expected at most 1 item"]),
        ({"dependentRequired": {"a": ["b"]}}, {"a": 1}, ["'b' is missing"]),
        ({"dependentSchemas": {"a": {"required": ["b"]}}}, {"a": 1}, ["'b' is missing"]),
        ({"patternProperties": {"^n": {"type": "null"}}}, {"n1": 0}, ["n1: expected null, got the number 0"]),
        ({"patternProperties": {"^n": True}, "additionalProperties": False}, {"n": 0, "x": 0}, ["unknown key 'x'"]),
        ({"propertyNames": {"maxLength": 1}}, {"ab": 1}, ['key "ab": expected at most 1 character, got 2']),
        ({"if": {"required": ["a"]}, "then": {"required": ["b"]}}, {"a": 1}, ["'b' is missing"]),
        ({"anyOf": [{"properties": {"a": True}}], "unevaluatedProperties": False}, {"b": 1}, ["unknown key 'b'"]),
        ({"enum": [[1, {"a": True}]]}, [1, {"a": 1}], ['expected [1, {"a": true}], got a list']),
    ],
)  # fmt: skip
def test_each_keyword_has_its_words(schema: Any, value: Any, said: list[str]) -> None:
    assert [error.message for error in compile_schema(schema).errors(value)] == said


def test_equal_means_what_json_says() -> None:
    assert compile_schema({"enum": [1]}).fits(1.0)
    assert not compile_schema({"enum": [1]}).fits(True)
    assert not compile_schema({"const": {"a": 0}}).fits({"a": False})
    assert compile_schema({"const": {"a": [0]}}).fits({"a": [0.0]})
    assert compile_schema({"uniqueItems": True}).fits([1, True, "1", [1], [True]])
    assert not compile_schema({"uniqueItems": True}).fits([{"a": 1, "b": 2}, {"b": 2, "a": 1.0}])


@pytest.mark.parametrize(
    ("schema", "value", "normal"),
    [
        ({"type": "number"}, 5, 5.0),
        ({"type": "integer"}, 5, 5),
        ({}, 5, 5),
        ({"type": ["number", "null"]}, 5, 5.0),
        ({"type": ["number", "integer"]}, 5, 5),
        ({"type": "number"}, 10**400, 10**400),
        ({"items": {"type": "number"}}, [1, 2], [1.0, 2.0]),
        ({"prefixItems": [{"type": "number"}], "items": {"type": "integer"}}, [1, 2], [1.0, 2]),
        ({"properties": {"a": {"type": "number"}}}, {"a": 1, "b": 1}, {"a": 1.0, "b": 1}),
        ({"additionalProperties": {"type": "number"}, "properties": {"a": True}}, {"a": 1, "b": 1}, {"a": 1, "b": 1.0}),
        ({"patternProperties": {"^n": {"type": "number"}}}, {"n": 1, "m": 1}, {"n": 1.0, "m": 1}),
        ({"$ref": "#/$defs/n", "$defs": {"n": {"type": "number"}}}, 1, 1.0),
        ({"allOf": [{"type": "number"}, {"minimum": 0}]}, 1, 1.0),
        ({"anyOf": [{"type": "string"}, {"type": "number"}]}, 1, 1.0),
        ({"anyOf": [{"type": "integer"}, {"type": "number"}]}, 1, 1),
        ({"if": {"minimum": 5}, "then": {"type": "number"}, "else": {"type": "integer"}}, 5, 5.0),
        ({"if": {"minimum": 5}, "then": {"type": "number"}, "else": {"type": "integer"}}, 4, 4),
        ({"properties": {"next": {"$ref": "#"}, "n": {"type": "number"}}}, {"next": {"n": 1}}, {"next": {"n": 1.0}}),
    ],
)
def test_a_whole_number_under_number_becomes_a_double(schema: Any, value: Any, normal: Any) -> None:
    compiled = compile_schema(schema)
    assert compiled.fits(value)
    result = compiled.normalise(value)
    assert repr(result) == repr(normal)


@pytest.mark.parametrize(
    ("value", "of", "is_multiple"),
    [
        (0.3, 0.1, False),  # as doubles are
        (0.5, 0.1, True),
        (7.5, 2.5, True),
        (7.5, 5, False),
        (1e308, 0.125, True),
        (10**400, 0.125, True),
        (10**400 + 1, 2.0, False),
        (1.5, 10**400, False),
        (True, 2, True),
    ],
)
def test_a_multiple_may_be_beyond_all_doubles(value: Any, of: float, is_multiple: bool) -> None:
    compiled = compile_schema({"multipleOf": of})
    assert compiled.fits(value) == is_multiple
    assert bool(compiled.errors(value)) != is_multiple


def test_a_value_from_outside_json_is_refused_in_words() -> None:
    [error] = compile_schema({"const": 1}).errors(Decimal(1))
    assert error.message == "does not fit its schema"


def test_what_needs_no_doubles_is_handed_back_as_it_is() -> None:
    value = {"a": [1, 2]}
    assert compile_schema({"type": "object"}).normalise(value) is value


def test_a_schema_is_compiled_once() -> None:
    schema = {"type": "integer"}
    assert compile_schema(schema) is compile_schema(schema)
    assert compile_schema({"type": "integer"}) is not compile_schema(schema)


def test_a_booleans_schema_takes_all_or_nothing() -> None:
    assert compile_schema(True).errors(5) == []
    assert [error.message for error in compile_schema(False).errors(5)] == ["the number 5 is not allowed here"]


def test_no_pattern_is_slow() -> None:
    started = time.perf_counter()
    assert not compile_schema({"pattern": "^(a+)+$"}).fits("a" * 100_000 + "!")
    assert compile_schema({"patternProperties": {"(x+x+)+y": {"type": "null"}}}).fits({"x" * 10_000: 1})
    assert time.perf_counter() - started < 2


def test_half_a_surrogate_pair_matches_no_pattern() -> None:
    assert not compile_schema({"pattern": "."}).fits("\ud800")


def test_a_schema_of_itself_takes_trees() -> None:
    tree = {"type": "object", "properties": {"children": {"type": "array", "items": {"$ref": "#"}}}}
    compiled = compile_schema(tree)
    assert compiled.fits({"children": [{"children": []}, {}]})
    assert [error.message for error in compiled.errors({"children": [{"children": [5]}]})] == [
        "children[0].children[0]: expected a mapping, got the number 5"
    ]


TOO_LARGE = "too large to be checked against this schema"


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        (
            {"$defs": {"a": {"properties": {"x": {"allOf": [{"$ref": "#/$defs/a"}] * 2}}}}, "$ref": "#/$defs/a"},
            TOO_LARGE,
        ),
        (
            {
                "$ref": "#/$defs/a0",
                "$defs": {
                    **{f"a{i}": {"allOf": [{"$ref": f"#/$defs/a{i + 1}"}] * 2} for i in range(60)},
                    "a60": {"type": "object"},
                },
            },
            TOO_LARGE,
        ),
        (
            {"multipleOf": 1, "properties": {"x": {"anyOf": [{"$ref": "#"}, {"$ref": "#"}]}}, "required": ["y"]},
            "does not fit its schema",
        ),
    ],
    ids=["branching", "layered", "while it is explained"],
)
def test_a_check_that_would_take_for_ever_is_given_up(schema: Any, said: str) -> None:
    value: Any = {}
    for _ in range(60):
        value = {"x": value}
    started = time.perf_counter()
    [error] = compile_schema(schema).errors(value)
    assert error.message == said
    assert time.perf_counter() - started < 20


def _nested(keyword: str, depth: int) -> dict[str, Any]:
    """Schemas one inside the other, each of which asks twice what the one inside it says."""
    schema: dict[str, Any] = {"properties": {"b": True}}
    for _ in range(depth):
        schema = {keyword: [schema, {"not": True}], "unevaluatedProperties": True}
    return schema


KEYS = {f"key{i}": [i] for i in range(30_000)}
NUMBERS = [{"n": i} for i in range(300_000)]


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"items": {"allOf": [{"minProperties": i} for i in range(30)]}}, NUMBERS),
        ({"contains": {"anyOf": [{"minProperties": i + 2} for i in range(30)]}}, NUMBERS),
        ({"uniqueItems": True}, [NUMBERS] * 6),
        ({"propertyNames": {"allOf": [{"minLength": i % 3} for i in range(200)]}}, KEYS),
        ({"additionalProperties": {"allOf": [{"minItems": i % 2} for i in range(200)]}}, KEYS),
        ({"unevaluatedProperties": {"allOf": [{"minItems": i % 2} for i in range(200)]}}, KEYS),
        ({"patternProperties": {f"^[k-{letter}]{{3}}": True for letter in "lmnopqrstuvwxyz"}}, KEYS),
        ({"items": {"pattern": "(?:a.{90}){8}"}}, ["a" * 5_000] * 1_000),
        ({"pattern": "a.{900}b"}, "a" * 5_000_000),
        (_nested("anyOf", 40), {"b": 1}),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_check_costs_what_it_reads(schema: Any, value: Any) -> None:
    """Each of these would take seconds, or for ever: they are given up after a number of steps."""
    started = time.perf_counter()
    assert not compile_schema(schema).fits(value)
    [error] = compile_schema(schema).errors(value)
    assert error.message == TOO_LARGE
    assert time.perf_counter() - started < 20


def test_large_values_of_ordinary_schemas_are_checked() -> None:
    number = {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer", "minimum": 0}}}
    assert compile_schema({"type": "array", "items": number}).fits(NUMBERS)
    assert compile_schema({"type": "string", "pattern": r"^[^\0]+$"}).fits("word " * 1_600_000)
    assert compile_schema({"type": "object", "additionalProperties": {"type": "array"}}).fits(KEYS)


def test_what_is_wrong_with_a_large_value_is_found_and_told_where() -> None:
    items = {"type": "array", "items": {"properties": {"n": {"type": "integer"}}}}
    value = {"found": [*NUMBERS[:100_000], {"n": "x"}]}
    [error] = compile_schema({"properties": {"found": items}}).errors(value)
    assert error.message == 'found[100000].n: expected a whole number, got "x"'


def test_a_value_is_compared_with_no_more_than_is_named() -> None:
    """However large it is: a deep one would not even fit the stack."""
    deep: Any = []
    for _ in range(5000):
        deep = [deep]
    named: list[Any] = [{"enum": [[], 1, "a"]}, {"const": [[]]}, {"enum": [{"a": [1]}]}]
    for schema in named:
        assert not compile_schema(schema).fits([deep])


def test_doubles_are_made_within_the_steps_that_are_left() -> None:
    form = {"anyOf": [{"type": "object", "properties": {"next": {"$ref": "#"}}}, {"type": "number"}]}
    value: Any = 1
    for _ in range(90):
        value = {"next": value}
    assert compile_schema(form).normalise(value) == value
    assert compile_schema({"type": "array", "items": {"type": "number"}}).normalise([1] * 1000) == [1.0] * 1000


def test_a_value_too_deep_is_told() -> None:
    value: Any = []
    for _ in range(5000):
        value = [value]
    [error] = compile_schema({"items": {"$ref": "#"}}).errors(value)
    assert error.message == "nested too deeply to be checked"


def test_many_distinct_items_are_told_apart_quickly() -> None:
    started = time.perf_counter()
    assert compile_schema({"uniqueItems": True}).fits([{"n": number} for number in range(20_000)])
    assert time.perf_counter() - started < 5


def test_no_reference_reaches_the_network() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        address = f"http://127.0.0.1:{server.getsockname()[1]}/schema.json"
        assert check_schema({"$ref": address})
        assert check_schema({"properties": {"a": {"$dynamicRef": address}}})
        assert check_schema({"$schema": address})
        with pytest.raises(TimeoutError):
            server.accept()
