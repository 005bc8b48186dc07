"""What comes from outside as `3.0` under `type: integer`, as 3: how a number was written there is nobody's choice."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain, repeat
from typing import Any

from runner.ground.json_value import Json
from runner.language.schema.doubles import schema_of_key
from runner.language.schema.evaluated import IsValid
from runner.language.schema.linked import Linked

_LARGEST = 2.0**53
"""Beyond it a double does not tell which whole number was meant."""


def speaks_of_whole_numbers(schema: Any) -> bool:
    """Whether a fraction may have to become a whole number anywhere in what the schema describes."""
    if isinstance(schema, dict):
        return _is_whole(schema) or any(map(speaks_of_whole_numbers, schema.values()))
    return isinstance(schema, list | tuple) and any(map(speaks_of_whole_numbers, schema))


def _is_whole(schema: dict[str, Any]) -> bool:
    types = schema.get("type", ())
    return types == "integer" or (isinstance(types, list) and "integer" in types and "number" not in types)


def with_whole_numbers(schema: Linked, value: Json, is_valid: IsValid, spend: Callable[[int], None]) -> Json:
    """`value` with whole numbers where the schema asks for them. Pays for every value that it looks at."""
    if isinstance(schema, bool):
        return value
    spend(1)
    value = _by_applied(schema, value, is_valid, spend)
    if isinstance(value, float):
        fits = _is_whole(schema) and value.is_integer() and abs(value) <= _LARGEST
        return int(value) if fits else value
    if isinstance(value, dict):
        return {
            key: with_whole_numbers(schema_of_key(schema, key), item, is_valid, spend) for key, item in value.items()
        }
    if isinstance(value, list):
        forms = chain(schema.get("prefixItems", []), repeat(schema.get("items", True)))
        return [with_whole_numbers(form, item, is_valid, spend) for form, item in zip(forms, value, strict=False)]
    return value


def _by_applied(schema: dict[str, Any], value: Json, is_valid: IsValid, spend: Callable[[int], None]) -> Json:
    """What the schemas make of a value that apply to it as a whole; of several forms, the first that it then fits."""
    applied: list[Linked] = [*schema.get("allOf", ())]
    if "$ref" in schema:
        schema["$ref"].budget.spend()
        applied.append(schema["$ref"].target)
    for inner in applied:
        value = with_whole_numbers(inner, value, is_valid, spend)
    for keyword in ("anyOf", "oneOf"):
        for form in schema.get(keyword, ()):
            made = with_whole_numbers(form, value, is_valid, spend)
            if is_valid(form, made):
                value = made
                break
    if "if" in schema:
        branch = "then" if is_valid(schema["if"], value) else "else"
        value = with_whole_numbers(schema.get(branch, True), value, is_valid, spend)
    return value
