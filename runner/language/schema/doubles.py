"""Whole numbers under `type: number` as doubles, so that arithmetic does not depend on how a number was written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain, islice, repeat
from typing import Any

from runner.ground.json_value import Json, is_integer
from runner.language.schema.evaluated import IsValid
from runner.language.schema.linked import Linked


def speaks_of_doubles(schema: Any) -> bool:
    """Whether a whole number may have to become a double anywhere in what the schema describes."""
    if isinstance(schema, dict):
        return _is_double(schema) or any(map(speaks_of_doubles, schema.values()))
    return isinstance(schema, list | tuple) and any(map(speaks_of_doubles, schema))


def _is_double(schema: dict[str, Any]) -> bool:
    types = schema.get("type", ())
    return types == "number" or (isinstance(types, list) and "number" in types and "integer" not in types)


def with_doubles(schema: Linked, value: Json, is_valid: IsValid, spend: Callable[[int], None]) -> Json:
    """`value`, which fits `schema`, with doubles where they belong. Pays for every value that it looks at."""
    if isinstance(schema, bool):
        return value
    spend(1)
    for inner in _applied(schema, value, is_valid):
        value = with_doubles(inner, value, is_valid, spend)
    if is_integer(value):
        return _double(value) if _is_double(schema) else value
    if isinstance(value, dict):
        return {key: with_doubles(schema_of_key(schema, key), item, is_valid, spend) for key, item in value.items()}
    if isinstance(value, list):
        prefix, rest = schema.get("prefixItems", []), schema.get("items", True)
        forms = chain(prefix, repeat(rest))
        return [with_doubles(form, item, is_valid, spend) for form, item in zip(forms, value, strict=False)]
    return value


def _double(value: int) -> Json:
    try:
        return float(value)
    except OverflowError:
        return value


def schema_of_key(schema: dict[str, Any], key: str) -> Linked:
    """The schema of a key's value; all of them, where several patterns match."""
    found: list[Linked] = [schema["properties"][key]] if key in schema.get("properties", ()) else []
    found += [inner for pattern, inner in schema.get("patternProperties", ()) if pattern.found_in(key)]
    if not found:
        return schema.get("additionalProperties", True)  # type: ignore[no-any-return]
    return found[0] if len(found) == 1 else {"allOf": found}


def _applied(schema: dict[str, Any], value: Json, is_valid: IsValid) -> Iterator[Linked]:
    """The schemas that apply to the same value; of several forms, the first that fits."""
    if "$ref" in schema:
        schema["$ref"].budget.spend()
        yield schema["$ref"].target
    yield from schema.get("allOf", ())
    for keyword in ("anyOf", "oneOf"):
        yield from islice((form for form in schema.get(keyword, ()) if is_valid(form, value)), 1)
    if "if" in schema:
        yield schema.get("then" if is_valid(schema["if"], value) else "else", True)
