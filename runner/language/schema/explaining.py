"""What is wrong with a value: jsonschema on a linked schema, every fault with its path and in words."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import lru_cache
from itertools import groupby, islice
from typing import Any

from jsonschema import Draft202012Validator, ValidationError
from jsonschema.validators import extend
from referencing import Registry

from runner.ground.errors import did_you_mean
from runner.ground.json_value import Json, equality_key, is_integer, is_number
from runner.language.schema import words
from runner.language.schema.evaluated import additional_keys, evaluated_keys, known_keys
from runner.language.schema.fault import SchemaFault
from runner.language.schema.fits import compile_check, is_multiple
from runner.language.schema.linked import (
    MOST_STEPS_EXPLAINED,
    STEPS_OF_AN_EXPLANATION,
    Linked,
    LinkingBudget,
    Path,
    Pattern,
    SchemaReference,
    TooComplex,
    settled,
)

Errors = Iterator[ValidationError]

Keyword = Callable[[Any, Any, Any, Any], Errors | None]

Error = Any
"""jsonschema's ValidationError, whose fields are typed as if they might be unset."""

MOST_FAULTS = 100
UNKNOWN = "unknown key"
MISSING = "missing key"
WRONG_KEY = "wrong key"


def find_faults(schema: Linked, value: Json, budget: LinkingBudget) -> list[SchemaFault]:
    """What is wrong with `value`, as much as is found within the budget. Raises RecursionError.

    Of a value that is too large for this the first part that does not fit is looked for, and explained alone.
    """
    place: Path = ()
    found = _found(schema, value, budget)
    if not found:
        with suppress(TooComplex):
            place, schema, value = _narrowed(schema, value, budget)
    if place:
        found = [fault._replace(path=(*place, *fault.path)) for fault in _found(schema, value, budget)]
    return found


def _found(schema: Linked, value: Json, budget: LinkingBudget) -> list[SchemaFault]:
    budget.renew(MOST_STEPS_EXPLAINED)
    errors = _validator_class(budget)(schema, registry=Registry()).iter_errors(value)
    found: list[SchemaFault] = []
    with suppress(TooComplex):
        for error in islice(errors, MOST_FAULTS):
            found += _explain(error)
    return found


def _narrowed(schema: Linked, value: Json, budget: LinkingBudget) -> tuple[Path, Linked, Json]:
    """The first item, or value of a known key, that does not fit; of it the first, and so on. Raises TooComplex."""
    budget.renew()
    path: Path = ()
    while True:
        schema = settled(schema)
        misfits = (part for part in _parts(schema, value) if not compile_check(part[1], budget)(part[2]))
        found = next(misfits, None)
        if found is None:
            return path, schema, value
        step, schema, value = found
        path = (*path, step)


def _parts(schema: Linked, value: Json) -> Iterator[tuple[str | int, Linked, Json]]:
    if isinstance(value, dict) and isinstance(schema, dict):
        properties = schema.get("properties", {})
        yield from ((name, properties[name], value[name]) for name in properties if name in value)
    if isinstance(value, list) and isinstance(schema, dict):
        start = len(schema.get("prefixItems", ()))
        yield from ((start + i, schema.get("items", True), item) for i, item in enumerate(value[start:]))


# The keywords that need other rules, or that must say more, than jsonschema's own.


def _paid(keyword: Keyword, budget: LinkingBudget) -> Keyword:
    """A keyword that pays for being asked: whoever sends the value must not be able to make this one wait."""

    def ask(validator: Any, said: Any, value: Json, schema: Any) -> Errors:
        budget.spend(STEPS_OF_AN_EXPLANATION)
        yield from keyword(validator, said, value, schema) or ()  # a keyword of jsonschema's may give None

    return ask


def _reference(validator: Any, reference: SchemaReference, value: Json, schema: dict[str, Any]) -> Errors:
    reference.budget.spend()
    errors = validator.descend(value, reference.target)
    if "errorMessage" not in schema or "type" in schema:
        yield from errors
        return
    # What a schema says that does no more than refer is closer to the user than what it refers to.
    for is_inside, group in groupby(errors, lambda error: bool(error.path)):
        yield from group if is_inside else [ValidationError("", validator="$ref", instance=value, schema=schema)]


def _pattern(_validator: Any, pattern: Pattern, value: Json, _schema: Any) -> Errors:
    if isinstance(value, str) and not pattern.found_in(value):
        yield ValidationError("")


def _multiple(_validator: Any, of: float, value: Json, _schema: Any) -> Errors:
    if is_number(value) and not is_multiple(of, value):
        yield ValidationError("")


def _unique(_validator: Any, wanted: bool, value: Json, _schema: Any) -> Errors:
    if not wanted or not isinstance(value, list):
        return
    first: dict[Any, int] = {}
    for position, item in enumerate(value):
        seen = first.setdefault(equality_key(item), position)
        if seen != position:
            yield ValidationError(f"the same as [{seen}]", path=[position])


def _required(_validator: Any, names: list[str], value: Json, _schema: Any) -> Errors:
    if isinstance(value, dict):
        yield from (ValidationError(name, validator=MISSING) for name in names if name not in value)


def _dependent(validator: Any, needed: dict[str, list[str]], value: Json, schema: Any) -> Errors:
    if isinstance(value, dict):
        for key in needed.keys() & value.keys():
            yield from _required(validator, needed[key], value, schema)


def _pattern_properties(validator: Any, schemas: list[tuple[Pattern, Linked]], value: Json, _schema: Any) -> Errors:
    if isinstance(value, dict):
        for pattern, inner in schemas:
            for key in filter(pattern.found_in, value):
                yield from validator.descend(value[key], inner, path=key)


def _names(validator: Any, inner: Linked, value: Json, _schema: Any) -> Errors:
    if isinstance(value, dict):
        for name in value:
            for error in islice(validator.descend(name, inner), 1):
                [fault, *_] = _explain(error)
                yield ValidationError(fault.words, validator=WRONG_KEY, path=[name], instance=name)


def _additional(validator: Any, inner: Linked, value: Json, schema: dict[str, Any]) -> Errors:
    if isinstance(value, dict):
        yield from _extra(validator, inner, value, additional_keys(schema, value), list(schema.get("properties", ())))


def _unevaluated(budget: LinkingBudget) -> Keyword:
    def is_valid(schema: Linked, value: Json) -> bool:
        return compile_check(schema, budget)(value)

    def explain(validator: Any, inner: Linked, value: Json, schema: dict[str, Any]) -> Errors:
        if isinstance(value, dict):
            evaluated = evaluated_keys(schema, value, is_valid)
            extra = [key for key in value if key not in evaluated]
            known = known_keys(schema, value, is_valid) if extra else []
            yield from _extra(validator, inner, value, extra, known)

    return explain


def _extra(validator: Any, inner: Linked, value: dict[str, Json], extra: list[str], known: list[str]) -> Errors:
    for key in extra:
        if inner is False:
            yield ValidationError(key, validator=UNKNOWN, path=[key], validator_value=known)
        else:
            yield from validator.descend(value[key], inner, path=key)


@lru_cache(maxsize=16)
def _validator_class(budget: LinkingBudget) -> Any:
    """Made when first needed: a file without a mistake does without."""
    keywords = {**Draft202012Validator.VALIDATORS, **_KEYWORDS, "unevaluatedProperties": _unevaluated(budget)}
    return extend(  # type: ignore[no-untyped-call]
        Draft202012Validator,
        {name: _paid(keyword, budget) for name, keyword in keywords.items()},
        type_checker=Draft202012Validator.TYPE_CHECKER.redefine_many(
            {
                "integer": lambda _checker, value: is_integer(value),
                "number": lambda _checker, value: is_number(value),
            }
        ),
    )


_KEYWORDS: Mapping[str, Keyword] = {
    "$ref": _reference,
    "multipleOf": _multiple,
    "pattern": _pattern,
    "uniqueItems": _unique,
    "required": _required,
    "dependentRequired": _dependent,
    "patternProperties": _pattern_properties,
    "propertyNames": _names,
    "additionalProperties": _additional,
}


# Errors in words.


def _explain(error: Error) -> list[SchemaFault]:
    path: Path = tuple(error.absolute_path)
    keyword = str(error.validator)
    if keyword == UNKNOWN:
        name, known = str(error.message), [str(key) for key in error.validator_value]
        return [SchemaFault("unknown", path, f"unknown key '{name}'{did_you_mean(name, known)}", name, tuple(known))]
    if keyword == MISSING:
        return [SchemaFault("missing", path, f"'{error.message}' is missing", error.message, schema=error.schema)]
    if keyword == WRONG_KEY:
        return [SchemaFault("key", path, str(error.message), str(path[-1]), value=error.instance)]
    said = _said_by_schema(error)
    if said is not None:
        return [_ours(error, path, said)]
    if keyword in ("anyOf", "oneOf"):
        return _alternatives(error)
    return [_misfit(error, _WORDS.get(keyword, _not_allowed)(error))]


def _misfit(error: Error, said: str) -> SchemaFault:
    return SchemaFault("value", tuple(error.absolute_path), said, schema=error.schema, value=error.instance)


def _ours(error: Error, path: Path, said: str) -> SchemaFault:
    """What a shipped schema words itself: of a mapping, that it lacks a key, or has one too many."""
    if error.validator == "anyOf":
        return SchemaFault("missing", path, said)
    if error.validator == "not":
        last = [key for key in error.instance if key in error.validator_value["required"]][-1]
        return SchemaFault("clash", (*path, last), said)
    return _misfit(error, said)


def _said_by_schema(error: Error) -> str | None:
    """What the schema itself says to mistakes; `got …` follows an expectation."""
    message = error.schema.get("errorMessage") if isinstance(error.schema, Mapping) else None
    if message is None:
        return None
    return _expected(message.removeprefix("expected "), error) if message.startswith("expected ") else str(message)


def _expected(what: str, error: Error) -> str:
    return f"expected {what}, got {words.shown(error.instance)}"


def _alternatives(error: Error) -> list[SchemaFault]:
    """Several forms are allowed: name them all if that is short, else say what keeps the nearest one from fitting."""
    forms = error.validator_value
    by_form = [list(group) for _, group in groupby(error.context, lambda inner: inner.schema_path[0])]
    if not by_form:
        return [_misfit(error, "fits several forms of which it may have one")]
    simple = [_simple_form(form) for form in forms]
    if all(simple) and all(map(_is_of_other_type, by_form)):
        return [_misfit(error, _expected(words.either([form for some in simple for form in some]), error))]
    nearest = min(by_form, key=_distance)
    return [fault for inner in nearest for fault in _explain(inner)]


def _simple_form(form: Linked) -> list[str]:
    """The types or values of a form, in words; none if it has neither."""
    form = settled(form)
    if isinstance(form, bool):
        return []
    if "enum" in form or "const" in form:
        return words.literals(form.get("enum", [form.get("const")]))
    return words.types(form)


def _is_of_other_type(errors: list[Error]) -> bool:
    return any(error.validator in ("type", "const", "enum") and not error.path for error in errors)


def _distance(errors: list[Error]) -> tuple[bool, int]:
    return _is_of_other_type(errors), len(errors)


def _enum_words(error: Error) -> str:
    texts = [value for value in error.validator_value if isinstance(value, str)]
    near = did_you_mean(error.instance, texts) if isinstance(error.instance, str) else ""
    is_long = len(error.validator_value) > words.MOST_NAMED
    what = f"one of {len(error.validator_value)} values" if near and is_long else words.one_of(error.validator_value)
    return _expected(what, error) + near


def _length_words(least: str, noun: str) -> Callable[[Error], str]:
    def say(error: Error) -> str:
        limit, length = error.validator_value, len(error.instance)
        if limit == 1 and length == 0:
            return "must not be empty"
        return f"expected {least} {words.count(limit, noun)}, got {length}"

    return say


def _not_allowed(error: Error) -> str:
    return f"{words.shown(error.instance)} is not allowed here"


_WORDS: dict[str, Callable[[Error], str]] = {
    "type": lambda error: _expected(words.either(words.types(error.schema)), error),
    "enum": _enum_words,
    "const": lambda error: _expected(words.one_of([error.validator_value]), error),
    "minimum": lambda error: _expected(f"at least {error.validator_value}", error),
    "maximum": lambda error: _expected(f"at most {error.validator_value}", error),
    "exclusiveMinimum": lambda error: _expected(f"more than {error.validator_value}", error),
    "exclusiveMaximum": lambda error: _expected(f"less than {error.validator_value}", error),
    "multipleOf": lambda error: _expected(f"a multiple of {error.validator_value}", error),
    "minLength": _length_words("at least", "character"),
    "maxLength": _length_words("at most", "character"),
    "minItems": _length_words("at least", "item"),
    "maxItems": _length_words("at most", "item"),
    "minProperties": _length_words("at least", "key"),
    "maxProperties": _length_words("at most", "key"),
    "pattern": lambda error: _expected(f"text that matches {error.validator_value.text}", error),
    "uniqueItems": lambda error: str(error.message),
    "contains": lambda _error: "no item is of the kind that one must be",
    "minContains": lambda error: f"expected at least {words.count(error.validator_value, 'item')} of a certain kind",
    "maxContains": lambda error: f"expected at most {words.count(error.validator_value, 'item')} of a certain kind",
    "items": lambda error: f"expected at most {words.count(len(error.schema.get('prefixItems', ())), 'item')}",
}
