"""`state:` as declared: each key's schema, default and reducer, which must go together."""

from __future__ import annotations

from collections.abc import Mapping

from runner.ground.json_value import Json
from runner.language.schema import Unknown, compile_schema
from runner.workflow.compiler.declarations import checked_default, schema_of
from runner.workflow.compiler.reader import Notes
from runner.workflow.model import JsonPath, StateKey

Content = Mapping[str, Json]

_JOINED = {
    **dict.fromkeys(("append", "extend", "union"), ("array",)),
    **dict.fromkeys(("merge", "max_by", "min_by"), ("object",)),
    **dict.fromkeys(("min", "max"), ("number", "string")),
    "add": ("number",),
}
"""The JSON types that a reducer joins; one that is not here joins any."""

_FROM_NOTHING = frozenset({"min", "max", "max_by", "min_by"})
"""Reducers for which the default may be null: there is nothing yet."""


def state(notes: Notes, schemas: Content, content: Content) -> dict[str, StateKey]:
    """`state:` as declared; its mistakes are in the notes."""
    found = {}
    for name, entry in content.items():
        at = ("state", name)
        schema = schema_of(notes, schemas, entry, at, ("reducer", "default"))
        default = checked_default(notes, schema, entry, at)
        reducer, field = _reducer("last" if isinstance(entry, Unknown) else entry.get("reducer", "set"))
        _check_reducer(notes, reducer, schema, default, at)
        found[name] = StateKey(name, schema, default, f"{reducer}:{field}" if field else reducer)
    return found


def _reducer(value: Json) -> tuple[str, str]:
    """A reducer's name, and the field that it goes by."""
    if isinstance(value, str):
        return value, ""
    [(name, field)] = value.items()
    return name, field


def _check_reducer(notes: Notes, reducer: str, schema: Content, default: Json, at: JsonPath) -> None:
    """The key's type and its default are such that the reducer can join them."""
    joined = _JOINED.get(reducer)
    if joined is None:
        return
    declared = schema.get("type", joined)
    names = [declared] if isinstance(declared, str) else declared
    if not {"number" if name == "integer" else name for name in names} & {*joined}:
        words = f"reducer '{reducer}' joins values of type {' or '.join(joined)}; '{at[-1]}' is {' or '.join(names)}"
        notes.error(words, (*at, "reducer"), rule="reducer")
        return
    if not compile_schema(schema).fits(default):
        return
    starts = (*joined, "null") if reducer in _FROM_NOTHING else joined
    for error in compile_schema({"type": [*starts]}).errors(default)[:1]:
        words = f"reducer '{reducer}' can't start from this default: {error.message}"
        notes.error(words, (*at, "default"), rule="reducer")
