"""A value that fits a schema, to be shown as an example of one."""

from __future__ import annotations

from collections.abc import Mapping

from runner.ground.json_value import Json
from runner.language.schema.values import compile_schema

DEEPEST = 8
_PLAIN = {"boolean": True, "null": None}


def example(schema: Mapping[str, Json]) -> Json:
    """A value that fits a schema, as the schema itself shows it or the simplest of its type. Raises ValueError."""
    value = _example(schema, DEEPEST)
    if not compile_schema(schema).fits(value):
        raise ValueError("no simple value fits")
    return value


def _example(schema: Json, depth: int) -> Json:
    if not isinstance(schema, Mapping) or not depth:
        return None
    shown = [schema[key] for key in ("const", "default") if key in schema]
    shown += [*schema.get("examples", ()), *schema.get("enum", ())]
    if shown:
        return shown[0]
    types = schema.get("type", "object" if "properties" in schema else "string")
    return _of_type(types if isinstance(types, str) else types[0], schema, depth)


def _of_type(type_: str, schema: Mapping[str, Json], depth: int) -> Json:
    if type_ == "object":
        properties: Mapping[str, Json] = schema.get("properties", {})
        return {name: _example(inner, depth - 1) for name, inner in properties.items()}
    if type_ == "array":
        return [_example(schema.get("items", {}), depth - 1) for _ in range(max(1, schema.get("minItems", 1)))]
    if type_ == "string":
        return "…" * max(1, schema.get("minLength", 1))
    if type_ in {"integer", "number"}:
        return schema.get("minimum", schema.get("maximum", 0))
    return _PLAIN.get(type_)
