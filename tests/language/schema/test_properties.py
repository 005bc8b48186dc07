"""What holds for every schema and value: what decides, what explains, and jsonschema itself are of one mind."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from jsonschema.validators import extend
from referencing import Registry

from runner.language.schema import check_schema, check_workflow, compile_schema, shipped
from runner.language.schema.explaining import find_faults
from runner.language.schema.linked import link
from runner.language.source import parse

NAMES = st.sampled_from(["a", "b", "c"])
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.sampled_from([0.5, 1.5, -2.5])
    | st.sampled_from(["", "a", "bb"])
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3), max_leaves=6
)
TYPES = st.sampled_from(["array", "boolean", "integer", "null", "number", "object", "string"])
COUNTS = st.integers(0, 2)
LIMITS = st.integers(-2, 2) | st.sampled_from([-0.5, 1.0, 1.5])
SAYING_NOTHING = """
    $schema $comment $defs definitions title description default examples deprecated readOnly writeOnly format
    contentEncoding contentMediaType
"""
"""The keywords that no value can fail by, of those that a schema may have."""


def each_keyword(inner: st.SearchStrategy[Any]) -> dict[str, st.SearchStrategy[Any]]:
    """What may stand under each keyword that checks anything, with inner schemas from `inner`."""
    schemas = st.dictionaries(NAMES, inner, max_size=3)
    lists = st.lists(inner, min_size=1, max_size=2)
    return {
        "type": TYPES | st.lists(TYPES, min_size=1, max_size=2, unique=True),
        "enum": st.lists(VALUES, min_size=1, max_size=3),
        "const": VALUES,
        "minimum": LIMITS,
        "maximum": LIMITS,
        "exclusiveMinimum": LIMITS,
        "exclusiveMaximum": LIMITS,
        "multipleOf": st.sampled_from([1, 2, 2.0, 0.5, 0.1, 1.5]),
        "minLength": COUNTS,
        "maxLength": COUNTS,
        "pattern": st.sampled_from(["^a", "b$", "."]),
        "minItems": COUNTS,
        "maxItems": COUNTS,
        "uniqueItems": st.booleans(),
        "items": inner,
        "prefixItems": lists,
        "contains": inner,
        "minContains": COUNTS,
        "maxContains": COUNTS,
        "properties": schemas,
        "patternProperties": st.dictionaries(st.sampled_from(["a", "[bc]"]), inner, max_size=2),
        "additionalProperties": inner,
        "unevaluatedProperties": inner,
        "propertyNames": inner,
        "required": st.lists(NAMES, max_size=2, unique=True),
        "minProperties": COUNTS,
        "maxProperties": COUNTS,
        "dependentRequired": st.dictionaries(NAMES, st.lists(NAMES, max_size=2, unique=True), max_size=1),
        "dependentSchemas": st.dictionaries(NAMES, inner, max_size=1),
        "allOf": lists,
        "anyOf": lists,
        "oneOf": lists,
        "not": inner,
        "if": inner,
        "then": inner,
        "else": inner,
        "$ref": st.just("#/$defs/d"),
    }


def keywords(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """A schema with some keywords, few or many: few are often met, many hardly ever."""
    every = each_keyword(inner)
    few = st.lists(st.sampled_from([*every]), max_size=3, unique=True)
    return few.flatmap(lambda names: st.fixed_dictionaries({name: every[name] for name in names})) | (
        st.fixed_dictionaries({}, optional=every)
    )


TEXTS = st.text(max_size=5) | st.sampled_from(["type", "items", "properties", "anyOf", "$ref", "pattern", "enum"])
WORDS = """
    wf name nodes steps start inputs state default agents tools limits agent command prompt parallel do for_each join
    human choices schema wait for end next when to set retry errors rescue needs id properties type a
"""
KEYS = st.sampled_from(WORDS.split())


SECTIONS = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=15
)
SCHEMAS = st.recursive(st.booleans() | keywords(st.booleans()), keywords, max_leaves=4)
WHOLE = st.builds(
    lambda schema, inner: {**schema, "$defs": {"d": inner}},
    SCHEMAS.filter(lambda schema: isinstance(schema, dict)),
    keywords(st.booleans()).map(lambda schema: {key: value for key, value in schema.items() if key != "$ref"}),
)
Stock: Any = extend(  # type: ignore[no-untyped-call]
    Draft202012Validator,
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine(
        "integer", lambda _checker, value: isinstance(value, int) and not isinstance(value, bool)
    ),
)


def test_every_keyword_is_tried() -> None:
    allowed = shipped.fragment("json-schema")["$defs"]["keywords"]["properties"]
    assert {*each_keyword(st.none()), *SAYING_NOTHING.split()} == {*allowed}


@given(WHOLE, VALUES)
def test_our_verdict_is_that_of_jsonschema(schema: Any, value: Any) -> None:
    assert check_schema(schema) == []
    expected = Stock(schema, registry=Registry()).is_valid(value)
    compiled = compile_schema(schema)
    assert compiled.fits(value) == expected
    linked = link(schema)
    assert (find_faults(linked.schema, value, linked.budget) == []) == expected
    assert (compiled.errors(value) == []) == expected


LISTED = st.fixed_dictionaries({}, optional={"type": TYPES, "items": SCHEMAS, "minItems": COUNTS, "maxItems": COUNTS})


@given(
    WHOLE | LISTED.map(lambda schema: {**schema, "$defs": {"d": {"type": "integer"}}}),
    st.lists(VALUES, max_size=3),
    st.lists(VALUES, max_size=2),
)
def test_a_list_that_has_grown_fits_as_if_all_of_it_were_new(schema: Any, items: list[Any], added: list[Any]) -> None:
    compiled = compile_schema(schema)
    if compiled.fits(items):
        assert compiled.fits_grown([*items, *added], len(added)) == compiled.fits([*items, *added])


@given(WHOLE, VALUES)
def test_what_is_made_normal_fits_and_stays_so(schema: Any, value: Any) -> None:
    compiled = compile_schema(schema)
    if compiled.fits(value):
        normal = compiled.normalise(value)
        assert normal == value
        assert repr(compiled.normalise(normal)) == repr(normal)


@given(WHOLE, VALUES)
def test_every_error_says_something(schema: Any, value: Any) -> None:
    for error in compile_schema(schema).errors(value):
        assert error.message
        assert error.text("it").startswith("it")


@given(st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3)))
def test_anything_is_a_schema_or_refused(schema: Any) -> None:
    for path, message in check_schema(schema):
        assert isinstance(path, tuple)
        assert message


@given(st.dictionaries(KEYS, SECTIONS, max_size=6))
def test_any_file_is_checked_at_places(data: dict[str, Any]) -> None:
    source = parse(json.dumps(data), "f.json")
    for problem in check_workflow(source).problems:
        assert problem.place
        assert problem.message
        assert str(problem)
