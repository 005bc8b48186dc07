"""A workflow file's shape: every mistake at its place, in words, with what to do."""

from __future__ import annotations

import json
import re
import shlex
from typing import Any, NamedTuple

from runner.errors import Problem, did_you_mean
from runner.schema import shipped, words
from runner.schema.fault import Fault
from runner.schema.keys import VERBS, belongs, verb_keys
from runner.schema.linked import Path, settled
from runner.source import Source, in_file_order
from runner.source.scalars import quoted, resolve

Json = Any

_SECTIONS = {
    "inputs": "input",
    "state": "state key",
    "models": "model",
    "schemas": "schema",
    "agents": "agent",
    "tools": "tool",
    "outputs": "output",
}
_LONGEST_KEY = 60
_PLAIN = re.compile(r"(?!-(?: |$))[\w/.-]+(?: [\w/.-]+)*")


class Owner(NamedTuple):
    """What a path leads into, in words; the first `depth` steps of the path lead to it."""

    words: str
    depth: int
    is_node: bool = False


def check_workflow(source: Source) -> list[Problem]:
    """All that is wrong with the shape of a workflow file, in file order."""
    faults = shipped.definition().faults(source.data)
    crowded = {path: verbs for path in _node_paths(faults, source.data) if len(verbs := _verbs(source.data, path)) > 1}
    problems = [_two_verbs(source, path, verbs) for path, verbs in crowded.items()]
    problems.extend(_problem(source, fault) for fault in faults if not _is_told(fault, faults, crowded, source.data))
    return sorted(problems, key=in_file_order)


def _problem(source: Source, fault: Fault) -> Problem:
    data, path = source.data, fault.path
    if fault.kind == "missing":
        message = f"{_whole(path, data)} needs '{fault.name}'"
        return Problem(message, source.place(path, key=True), _example(fault))
    if fault.kind == "unknown":
        name = fault.name[:_LONGEST_KEY]
        message = f"unknown key '{name}' in {_whole(path[:-1], data)}{_near(fault, data)}"
        return Problem(message, source.place(path, key=True), belongs(name))
    if fault.kind == "key":
        return Problem(f"{_whole(path[:-1], data)}: {fault.words}", source.place(path, key=True), _name_for(fault.name))
    return Problem(f"{_whole(path, data)}: {fault.words}", source.place(path), _mending(source, fault))


# What a path leads to, in words.


def _whole(path: Path, data: Json) -> str:
    """`node 'triage'`, `retry of node 'triage'`, `limits.timeout`, `the workflow`."""
    owner = _owner(path, data)
    rest = words.path_text(path[owner.depth :])
    if not owner.depth:
        return rest or owner.words
    return f"{rest} of {owner.words}" if rest else owner.words


def _owner(path: Path, data: Json) -> Owner:
    """The innermost thing that has a name on the way along a path."""
    match path:
        case (str(section), str(name), *_) if section in _SECTIONS:
            return Owner(f"{_SECTIONS[section]} '{name}'", 2)
        case (("rescue" | "finally") as key, *_):
            owner = Owner(f"'{key}'", 1, True)
        case _:
            owner = Owner("the workflow", 0)
    while inner := _inner(owner, path, data):
        owner = inner
    return owner


def _inner(owner: Owner, path: Path, data: Json) -> Owner | None:
    """The node, branch or body that the path enters next within `owner`."""
    match path[owner.depth :]:
        case ("nodes", str(name), *_):
            return Owner(f"node '{name}'", owner.depth + 2, True)
        case ("parallel", str(name), *_) if owner.is_node:
            return Owner(f"branch '{name}'", owner.depth + 2, True)
        case ("steps", int(position), *_):
            step = _at(data, path[: owner.depth + 2])
            called = step.get("id", f"s{position + 1}") if isinstance(step, dict) else f"s{position + 1}"
            return Owner(f"step '{called}'", owner.depth + 2, True)
        case ("do", *_) if owner.is_node:
            return Owner(f"'do' of {owner.words}", owner.depth + 1, True)
        case _:
            return None


def _at(data: Json, path: Path) -> Json:
    for step in path:
        data = data[step]
    return data


# Mistakes that show more than once.


def _node_paths(faults: list[Fault], data: Json) -> list[Path]:
    """The nodes that have a verb for an unknown key."""
    paths = [fault.path[:-1] for fault in faults if fault.kind == "unknown" and fault.name in VERBS]
    return [path for path in dict.fromkeys(paths) if (owner := _owner(path, data)).is_node and owner.depth == len(path)]


def _verbs(data: Json, path: Path) -> list[str]:
    return [key for key in _at(data, path) if key in VERBS]


def _two_verbs(source: Source, path: Path, verbs: list[str]) -> Problem:
    whole = _whole(path, source.data)
    named = f"both {words.both(verbs)}" if len(verbs) == len("ab") else words.both(verbs)
    hint = "make two nodes of it, and lead from one to the other by 'next'"
    place = source.place((*path, verbs[1]), key=True)
    return Problem(f"a node has at most one verb; {whole} has {named}", place, hint)


def _is_told(fault: Fault, faults: list[Fault], crowded: dict[Path, list[str]], data: Json) -> bool:
    """Whether another message says it already: a second verb, or the misspelt key that is therefore missing."""
    if fault.kind == "missing":
        misspelt = [other for other in faults if other.kind == "unknown" and other.path[:-1] == fault.path]
        return fault.path in crowded or any(f"'{fault.name}'" in _near(other, data) for other in misspelt)
    verbs = crowded.get(fault.path[:-1], []) if fault.kind == "unknown" else []
    return any(fault.name == verb or fault.name in verb_keys(verb) for verb in verbs)


# What to do.


def _near(fault: Fault, data: Json) -> str:
    """The key that was probably meant instead of an unknown one: on a node without a verb, it may be any verb's."""
    known = list(fault.known)
    where = fault.path[:-1]
    owner = _owner(where, data)
    if owner.is_node and owner.depth == len(where) and not _verbs(data, where):
        known += [*VERBS, *(key for verb in VERBS for key in sorted(verb_keys(verb))), "nodes", "steps"]
    near = did_you_mean(fault.name, known)
    return f"; did you mean '{known[0]}'?" if not near and len(known) == 1 else near


def _name_for(name: str) -> str:
    """A name that is allowed, made of one that is not."""
    allowed = re.sub(r"\W+", "_", name, flags=re.ASCII)[:_LONGEST_KEY]
    return f"for example {allowed}" if allowed != name and re.match(r"[A-Za-z_]\w", allowed) else ""


def _example(fault: Fault) -> str:
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


def _mending(source: Source, fault: Fault) -> str:
    """How to write a value that was meant well."""
    key = f"{fault.path[-1]}: " if fault.path and isinstance(fault.path[-1], str) else ""
    owner = _owner(fault.path, source.data)
    if fault.value is None and owner.is_node and owner.depth == len(fault.path):
        return f"for a node that does nothing write {key}{{}}"
    schema = fault.schema if isinstance(fault.schema, dict) else {}
    wanted = schema.get("type")
    if wanted == "string" and isinstance(fault.value, bool | int | float) and "pattern" not in schema:
        place = source.place(fault.path)
        return f"put it in quotes: {key}{quoted(place.snippet[place.column - 1 :][: place.width])}"
    if wanted == "array" and isinstance(fault.value, str):
        items = _words_of(fault.value) if key == "command: " else [fault.value]
        return f"write a list: {key}{_yaml(items)}"
    return _shown_by(schema, key)


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
        return value if _PLAIN.fullmatch(value) and isinstance(resolve(value), str) else quoted(value)
    return json.dumps(value)
