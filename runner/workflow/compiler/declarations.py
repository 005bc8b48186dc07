"""What stands above a workflow's graph: inputs, state, tools, permissions."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from runner.ground.json_value import Json
from runner.language.schema import Unknown, compile_schema
from runner.workflow.approval import ApprovalRule
from runner.workflow.compiler.reader import NodeReader, OpenFile, parse_duration
from runner.workflow.model import Input, StateKey
from runner.workflow.permissions import Permissions
from runner.workflow.programs import anchored
from runner.workflow.reach import JsonPath

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


def schema_of(file: OpenFile, entry: Content, at: JsonPath, extra: tuple[str, ...]) -> Content:
    """The JSON Schema in an input's or a state key's declaration; `schema: name` refers to one under `schemas:`."""
    content = {key: value for key, value in entry.items() if key not in extra}
    named = content.pop("schema", None)
    own = file.schema(content, at)
    return own if named is None else {**file.schema(named, (*at, "schema")), **own}


def checked_default(file: OpenFile, schema: Content, entry: Content, at: JsonPath) -> Json:
    default = entry.get("default")
    if "default" not in entry:
        return default
    compiled = compile_schema(schema)
    for error in compiled.errors(default):
        file.error(f"the default does not fit: {error.message}", (*at, "default", *error.path), rule="schema")
    return compiled.normalise(default)


def inputs(file: OpenFile) -> dict[str, Input]:
    """`inputs:` as declared."""
    found = {}
    for name, entry in file.section("inputs").items():
        at = ("inputs", name)
        schema = schema_of(file, entry, at, ("secret", "env", "default"))
        default = checked_default(file, schema, entry, at)
        if entry.get("secret") and schema.get("type", "string") != "string":
            file.error("a secret is text", (*at, "type"), hint="write type: string", rule="schema")
        found[name] = Input(
            name, schema, "default" not in entry, default, entry.get("env", ""), entry.get("secret", False)
        )
    return found


def state(file: OpenFile) -> dict[str, StateKey]:
    """`state:` as declared: each key's schema, default and reducer must go together."""
    found = {}
    for name, entry in file.section("state").items():
        at = ("state", name)
        schema = schema_of(file, entry, at, ("reducer", "default"))
        default = checked_default(file, schema, entry, at)
        reducer, field = _reducer("last" if isinstance(entry, Unknown) else entry.get("reducer", "set"))
        _check_reducer(file, reducer, schema, default, at)
        found[name] = StateKey(name, schema, default, f"{reducer}:{field}" if field else reducer)
    return found


def _reducer(value: Json) -> tuple[str, str]:
    """A reducer's name, and the field that it goes by."""
    if isinstance(value, str):
        return value, ""
    [(name, field)] = value.items()
    return name, field


def _check_reducer(file: OpenFile, reducer: str, schema: Content, default: Json, at: JsonPath) -> None:
    """The key's type and its default are such that the reducer can join them."""
    joined = _JOINED.get(reducer)
    if joined is None:
        return
    declared = schema.get("type", joined)
    names = [declared] if isinstance(declared, str) else declared
    if not {"number" if name == "integer" else name for name in names} & {*joined}:
        words = f"reducer '{reducer}' joins values of type {' or '.join(joined)}; '{at[-1]}' is {' or '.join(names)}"
        file.error(words, (*at, "reducer"), rule="reducer")
        return
    if not compile_schema(schema).fits(default):
        return
    starts = (*joined, "null") if reducer in _FROM_NOTHING else joined
    for error in compile_schema({"type": [*starts]}).errors(default)[:1]:
        words = f"reducer '{reducer}' can't start from this default: {error.message}"
        file.error(words, (*at, "default"), rule="reducer")


def _roots(folder: str, paths: list[str]) -> tuple[str, ...]:
    return tuple(os.path.realpath(Path(folder, path)) for path in paths)


def readable(folder: str, content: Content) -> tuple[str, ...]:
    """Where the files that a root workflow is made of may lie: its own folder, and what it may read."""
    own = (os.path.realpath(folder),) if folder else ()
    return (*own, *_roots(folder, (content.get("permissions") or {}).get("read", [])))


def permissions(folder: str, content: Content, file: str) -> Permissions:
    """`permissions:` of the workflow `file`, with its paths resolved against the file's folder."""
    return Permissions(
        anchored(content.get("commands", ()), folder or str(Path.cwd())),
        _roots(folder, content.get("read", [])),
        _roots(folder, content.get("write", [])),
        frozenset(content.get("network", ())),
        frozenset(content.get("env", ())),
        _roots(folder, content.get("python", [])),
        file,
    )


def tool_inputs(file: OpenFile, entry: Content, at: JsonPath) -> Content:
    """The JSON Schema of a command tool's arguments. As with a workflow's inputs, one without a default is required."""
    declared: Content = entry.get("inputs", {})
    properties = {name: file.schema(schema, (*at, "inputs", name)) for name, schema in declared.items()}
    for name, schema in properties.items():
        checked_default(file, schema, declared[name], (*at, "inputs", name))
    required = [name for name, schema in properties.items() if "default" not in schema]
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def approval(reader: NodeReader, *at: str, usual: str = "never") -> ApprovalRule | None:
    """`approval:` at a path of a tool's entry; without one, `dangerous` tools are always asked for."""
    said = reader.get(*at, "approval", default="always" if reader.get(*at, "dangerous") else usual)
    if isinstance(said, str):
        return None if said == "never" else ApprovalRule(once=said == "first")
    return ApprovalRule(
        reader.expression(*at, "approval", "when", extra=("args",), role="approval"),
        timeout=parse_duration(said.get("timeout")),
        otherwise=said.get("otherwise", "deny"),
    )
