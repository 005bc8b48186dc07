"""A workflow file's shape: every mistake at its place, in words, with what to do."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any, NamedTuple

from runner.ground.errors import Problem
from runner.ground.json_value import Json
from runner.language.schema import shipped, words
from runner.language.schema.fault import SchemaFault
from runner.language.schema.foreign import advice
from runner.language.schema.linked import Path, settled
from runner.language.schema.mending import mended, nearest_key
from runner.language.schema.other_forms import other_form, started, yaml
from runner.language.schema.other_names import in_unit, other_name
from runner.language.schema.owners import at, is_node, verbs, whole
from runner.language.schema.shipped import VERBS, belongs, inside_keys, node_keys, verb_keys
from runner.language.source import Source, in_file_order
from runner.language.source.scalars import quoted

_LONGEST_KEY = 60


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
        said, hint = _meant(fault, source.data)
        return Problem(f"unknown key '{fault.name[:_LONGEST_KEY]}' in {owner}{said}", place, hint)
    hint = _mending(source, fault) if fault.kind == "value" else _name_for(fault.name) if fault.kind == "key" else ""
    return Problem(f"{owner}: {fault.words}", place, hint)


def _meant(fault: SchemaFault, data: Json) -> tuple[str, str]:
    """Of an unknown key, what it may be instead, and how that is written."""
    if same := in_unit(fault.name, at(data, fault.path), fault.known):
        return "", f"write {same.key}: {same.value}"
    if meant := _moved(fault.name, fault.where, data) or advice(fault.name, fault.where, fault.known, data):
        return "", meant
    near = nearest_key(fault, data)
    hint = "" if near and near == other_name(fault.name, fault.known) else belongs(fault.name[:_LONGEST_KEY])
    return f"; did you mean '{near}'?" if near else "", hint


def _moved(key: str, where: Path, data: Json) -> str:
    """Where a key stands that is on the wrong side of the verb's brackets."""
    if is_node(where, data):
        inside = next((verb for verb in verbs(data, where) if key in inside_keys(verb)), "")
        return f"it stands inside: {inside}: {{{key}: …}}" if inside else ""
    verb = str(where[-1]) if where else ""
    if verb not in VERBS or not is_node(where[:-1], data):
        return ""
    return f"it stands on the node, beside `{verb}:`" if key in node_keys(verb) else ""


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
        return where in crowded or any(f"'{key}'" in fault.words for key in meant) or _is_within(fault, faults)
    if fault.kind != "unknown":
        return False
    return any(fault.name == key or fault.name in _keys_beside(key) for key in (*crowded.get(where, ()), *meant))


def _is_within(fault: SchemaFault, faults: list[SchemaFault]) -> bool:
    """Whether a missing key stands too deep: in a mapping that is itself in the wrong place."""
    beside = [other.value for other in faults if other.kind == "value" and other.path[:-1] == fault.where]
    return any(isinstance(value, dict) and fault.name in value for value in beside)


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
    return f"for example {key}{yaml(values[0])}"


def _mending(source: Source, fault: SchemaFault) -> str:
    """How to write a value that was meant well."""
    key = f"{fault.path[-1]}: " if fault.path and isinstance(fault.path[-1], str) else ""
    if fault.value is None and is_node(fault.path, source.data):
        return f"for a node that does nothing write {key}{{}}"
    schema = fault.schema if isinstance(fault.schema, dict) else {}
    if schema.get("type") == "string" and isinstance(fault.value, bool | int | float) and "pattern" not in schema:
        return f"put it in quotes: {key}{quoted(source.place(fault.path).token)}"
    if "; did you mean" in fault.words:
        return ""
    if key == "command: " and isinstance(fault.value, str):
        return started(fault.value)
    return other_form(fault, source.data) or _shown_by(schema, key)
