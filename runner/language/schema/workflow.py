"""A workflow file's shape: every mistake at its place, in words, with what to do."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Collection
from typing import Any, NamedTuple

from runner.ground.errors import Problem
from runner.ground.json_value import Json
from runner.language.schema import shipped, words
from runner.language.schema.fault import SchemaFault
from runner.language.schema.foreign import advice
from runner.language.schema.linked import Path, settled
from runner.language.schema.mending import mended, nearest_key
from runner.language.schema.owners import is_node, verbs, whole
from runner.language.schema.shipped import VERBS, belongs, verb_keys
from runner.language.source import Source, in_file_order
from runner.language.source.scalars import plain_or_quoted, quoted

_LONGEST_KEY = 60
_BODIES = {
    "nodes": "write steps: for a list; nodes: is a mapping by id",
    "steps": "write nodes: for a mapping by id; steps: is a list",
}

_TARGETS = ("to", "goto", "then", "next", "node", "target", "step")
"""What other systems call the node that a route leads to."""


class CheckedFile(NamedTuple):
    """What is wrong with the shape of a file, and its data as far as it can be gone on with."""

    problems: list[Problem]
    data: Json


def check_workflow(source: Source) -> CheckedFile:
    """All that is wrong with the shape of a workflow file, in file order."""
    faults = shipped.definition().faults(source.data)
    if not faults:
        return CheckedFile([], source.data)
    crowded = {path: found for path in _node_paths(faults, source.data) if len(found := verbs(source.data, path)) > 1}
    problems = [_two_verbs(source, path, found) for path, found in crowded.items()]
    problems.extend(_problem(source, fault) for fault in faults if not _is_told(fault, faults, crowded, source.data))
    return CheckedFile(sorted(problems, key=in_file_order), mended(source, faults))


def _problem(source: Source, fault: SchemaFault) -> Problem:
    owner, place = whole(fault.where, source.data), source.place(fault.path, key=fault.kind != "value")
    if fault.kind == "missing":
        said = f" needs '{fault.name}'" if fault.name else f": {fault.words}"
        return Problem(f"{owner}{said}", place, _example(fault))
    if fault.kind == "unknown":
        name, meant = fault.name[:_LONGEST_KEY], advice(fault.name, fault.where, source.data)
        near = "" if meant else nearest_key(fault, source.data)
        said = f"; did you mean '{near}'?" if near else ""
        return Problem(f"unknown key '{name}' in {owner}{said}", place, meant or belongs(name))
    hint = _mending(source, fault) if fault.kind == "value" else _name_for(fault.name) if fault.kind == "key" else ""
    return Problem(f"{owner}: {fault.words}", place, hint)


# Mistakes that show more than once.


def _node_paths(faults: list[SchemaFault], data: Json) -> list[Path]:
    """The nodes that have a verb for an unknown key."""
    paths = [fault.where for fault in faults if fault.kind == "unknown" and fault.name in VERBS]
    return [path for path in dict.fromkeys(paths) if is_node(path, data)]


def _two_verbs(source: Source, path: Path, found: list[str]) -> Problem:
    named = f"both {words.both(found)}" if len(found) == len("ab") else words.both(found)
    hint = "make two nodes of it, and lead from one to the other by 'next'"
    place = source.place((*path, found[1]), key=True)
    return Problem(f"a node has at most one verb; {whole(path, source.data)} has {named}", place, hint)


def _is_told(fault: SchemaFault, faults: list[SchemaFault], crowded: dict[Path, list[str]], data: Json) -> bool:
    """Whether another message says it already: a second verb; or a misspelt key, which is therefore missing, or
    without whose verb others are unknown."""
    where = fault.where
    beside = [other for other in faults if other.kind == "unknown" and other.where == where and other is not fault]
    meant = [nearest_key(other, data) for other in beside]
    if fault.kind == "missing":
        return where in crowded or any(f"'{key}'" in fault.words for key in meant)
    if fault.kind != "unknown":
        return False
    return any(fault.name == key or fault.name in _keys_beside(key) for key in (*crowded.get(where, ()), *meant))


def _keys_beside(key: str) -> Collection[str]:
    """The keys that come with a verb, or with what makes a body."""
    return verb_keys(key) if key in VERBS else ("start",) if key == "nodes" else ()


# What to do.


def _name_for(name: str) -> str:
    """A name that is allowed, made of one that is not."""
    allowed = re.sub(r"\W+", "_", name, flags=re.ASCII)[:_LONGEST_KEY]
    return f"for example {allowed}" if allowed != name and re.match(r"[A-Za-z_]\w", allowed) else ""


def _example(fault: SchemaFault) -> str:
    """How a missing key may look, where its schema shows that."""
    properties = fault.schema.get("properties", {}) if isinstance(fault.schema, dict) else {}
    schema = settled(properties.get(fault.name, True))
    return _shown_by(schema, f"{fault.name}: ") if isinstance(schema, dict) else ""


def _shown_by(schema: dict[str, Any], key: str) -> str:
    """A value that a schema shows."""
    values = [schema["const"]] if "const" in schema else schema.get("examples", [])
    if not values:
        return ""
    return f"for example {key}{_yaml(values[0])}"


def _mending(source: Source, fault: SchemaFault) -> str:
    """How to write a value that was meant well."""
    key = f"{fault.path[-1]}: " if fault.path and isinstance(fault.path[-1], str) else ""
    if fault.value is None and is_node(fault.path, source.data):
        return f"for a node that does nothing write {key}{{}}"
    if said := _other_form(fault):
        return said
    schema = fault.schema if isinstance(fault.schema, dict) else {}
    wanted = schema.get("type")
    if wanted == "string" and isinstance(fault.value, bool | int | float) and "pattern" not in schema:
        place = source.place(fault.path)
        return f"put it in quotes: {key}{quoted(place.token)}"
    if wanted == "array" and isinstance(fault.value, str):
        items = _words_of(fault.value) if key == "command: " else [fault.value]
        return f"write a list: {key}{_yaml(items)}"
    return _shown_by(schema, key)


def _other_form(fault: SchemaFault) -> str:
    """How what another system writes so is written here; nothing where that is not known."""
    key = next((step for step in reversed(fault.path) if isinstance(step, str)), "")
    match fault.path[-1:], fault.value:
        case (("nodes",), list()) | (("steps",), dict()):
            return _BODIES[key]
        case (("next" | "on_error",), dict() as route):
            return _route_of(key, route)
        case (int(),), str() as node if key in ("next", "on_error"):
            return f"write {{to: {_yaml(node)}}}"
        case ("next",), None:
            return "write next: exit to end the body, or leave it out"
        case (str(),), str() as text if len(needed := _required(fault)) == 1 and len(text) <= _LONGEST_KEY:
            return f"write {key}: {{{needed[0]}: {_yaml(text)}}}"
        case _:
            return ""


def _required(fault: SchemaFault) -> list[str]:
    """The keys that a mapping needs in whose place another value stands."""
    is_mapping = isinstance(fault.schema, dict) and fault.schema.get("type") == "object"
    return list(fault.schema.get("required", ())) if is_mapping and isinstance(fault.schema, dict) else []


def _route_of(key: str, route: dict[str, Json]) -> str:
    """A mapping in the place of routes, as a route."""
    node = next((route[name] for name in _TARGETS if isinstance(route.get(name), str)), None)
    if node is None:
        return f"write {key}: NODE, or a list of routes: {key}: [{{when: …, to: NODE}}]"
    if "when" in route:
        return f"write a list: {key}: [{_yaml({'when': route['when'], 'to': node})}]"
    return f"write {key}: {_yaml(node)}"


def _words_of(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError:
        return line.split()


def _yaml(value: Json) -> str:
    """A value as it may be written in one line of YAML."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_yaml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return f"[{', '.join(map(_yaml, value))}]"
    if isinstance(value, str):
        return plain_or_quoted(value)
    return json.dumps(value)
