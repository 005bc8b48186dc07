"""Which keys of a mapping a schema speaks of, and which it leaves to its keywords for the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from runner.ground.json_value import Json
from runner.language.schema.linked import Linked

IsValid = Callable[[Linked, Json], bool]


def evaluated_keys(schema: dict[str, Any], value: dict[str, Json], is_valid: IsValid) -> set[str]:
    """The keys of `value` that are not left to the `unevaluatedProperties` of `schema`."""
    keys: set[str] = set()
    for part in _in_effect(schema, value, is_valid):
        if "additionalProperties" in part or ("unevaluatedProperties" in part and part is not schema):
            return set(value)
        keys.update(part.get("properties", ()))
        for pattern, _ in part.get("patternProperties", ()):
            keys.update(key for key in value if pattern.found_in(key))
    return keys & value.keys()


def additional_keys(schema: dict[str, Any], value: dict[str, Json]) -> list[str]:
    """The keys of `value` that are left to the `additionalProperties` of `schema`."""
    known, patterns = schema.get("properties", ()), schema.get("patternProperties", ())
    return [key for key in value if key not in known and not any(pattern.found_in(key) for pattern, _ in patterns)]


def known_keys(schema: dict[str, Any], value: dict[str, Json], is_valid: IsValid) -> list[str]:
    """The keys that `schema` names, for a value that has what `value` has."""
    return list(known_parts(schema, value, is_valid))


def known_parts(schema: dict[str, Any], value: dict[str, Json], is_valid: IsValid) -> dict[str, Linked]:
    """The same keys, each with the first schema that is named for its value."""
    found: dict[str, Linked] = {}
    for part in _in_effect(schema, value, is_valid):
        for key, inner in part.get("properties", {}).items():
            found.setdefault(key, inner)
    return found


def _in_effect(schema: Linked, value: dict[str, Json], is_valid: IsValid) -> Iterator[dict[str, Any]]:
    """`schema` and all that it applies to the same value. What it demands counts even where it fails."""
    if isinstance(schema, bool):
        return
    yield schema
    for inner in _applied(schema, value, is_valid):
        yield from _in_effect(inner, value, is_valid)


def _applied(schema: dict[str, Any], value: dict[str, Json], is_valid: IsValid) -> Iterator[Linked]:
    if "$ref" in schema:
        schema["$ref"].budget.spend()
        yield schema["$ref"].target
    yield from schema.get("allOf", ())
    for keyword in ("anyOf", "oneOf"):
        yield from (inner for inner in schema.get(keyword, ()) if is_valid(inner, value))
    if "if" in schema:
        holds = is_valid(schema["if"], value)
        if holds:
            yield schema["if"]
        yield schema.get("then" if holds else "else", True)
    yield from (inner for key, inner in schema.get("dependentSchemas", {}).items() if key in value)
