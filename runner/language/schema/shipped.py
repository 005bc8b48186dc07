"""The schemas that are shipped, as one document that refers to nothing outside it, and the keys that they name."""

from __future__ import annotations

import copy
import json
import posixpath
from functools import cache
from typing import Any, NamedTuple

from runner.ground import resources
from runner.ground.json_value import Json
from runner.language.schema import words
from runner.language.schema.checker import Checker, checker
from runner.language.schema.evaluated import known_keys
from runner.language.schema.linked import Link, Linked, link

ROOT = "workflow.schema.json"
NODE, UNION = "node.json", "verb.json"
_DATA = frozenset({"const", "default", "enum", "examples"})


def read(file: str) -> dict[str, Json]:
    """A shipped file under `schemas/`."""
    document: dict[str, Json] = json.loads((resources.data("schemas") / file).read_text(encoding="utf-8"))
    return document


def _name(file: str) -> str:
    """What a file is called in the bundle: `agent` for `nodes/agent.json`."""
    return posixpath.basename(file).removesuffix(".json")


def _verbs() -> tuple[str, ...]:
    """Every verb that has a schema of its own, in the order in which a node's keys are searched for one."""
    found, link = [], read(UNION)
    while "if" in link:
        found += link["if"]["required"]
        link = link["else"]
    files = sorted(path.stem for path in (resources.data("schemas") / "nodes").iterdir())
    return (*found, *(verb for verb in files if verb not in {*found, _name(str(link["$ref"]))}))


VERBS = _verbs()


def bundle() -> dict[str, Json]:
    """The schema of a workflow file and all that it needs, in one document: what editors take."""
    return copy.deepcopy(_bundle())


@cache
def _bundle() -> dict[str, Json]:
    documents: dict[str, dict[str, Json]] = {}
    _collect(ROOT, documents)
    root = documents.pop(ROOT)
    return {**root, "$defs": {_name(file): document for file, document in documents.items()}}


def union() -> dict[str, Json]:
    """What a node may be: the schema of the first verb that it has, or that of a node without a verb."""
    schema: dict[str, Json] = {"$ref": "nodes/none.json"}
    for verb in reversed(VERBS):
        schema = {"if": {"required": [verb]}, "then": {"$ref": f"nodes/{verb}.json"}, "else": schema}
    comment = "The first verb found decides what else may stand on the node, so a second one is an unknown key."
    return {"$comment": comment, **schema}


def write_union() -> None:
    """Write what a node may be into its file, for editors: after a verb was added."""
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Verb"}
    text = json.dumps({**head, **union()}, indent=2)
    (resources.data("schemas") / UNION).write_text(f"{text}\n", encoding="utf-8")


def _collect(file: str, documents: dict[str, dict[str, Json]]) -> None:
    """Read `file` and all files that it refers to; references become places in the bundle."""
    if file in documents:
        return
    documents[file] = document = read(file)
    if file != ROOT:
        del document["$schema"]
    if file == NODE:
        document["$defs"]["verb"] = union()
    _redirect(document, file, documents)


def _redirect(value: Json, file: str, documents: dict[str, dict[str, Json]]) -> None:
    if isinstance(value, list):
        for item in value:
            _redirect(item, file, documents)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key == "$ref" and isinstance(item, str):
                path, _, pointer = item.partition("#")
                target = posixpath.normpath(posixpath.join(posixpath.dirname(file), path)) if path else file
                _collect(target, documents)
                value[key] = f"#/$defs/{_name(target)}{pointer}"
            elif key not in _DATA:
                _redirect(item, file, documents)


@cache
def _linked() -> Link:
    return link(_bundle())


@cache
def definition(name: str = "") -> Checker:
    """The workflow's schema, or the one called `name` that it needs: `agent`, `node`, `json-schema` …"""
    return checker(_linked(), fragment(name))


def fragment(name: str) -> dict[str, Any]:
    """A shipped schema, linked: that of `name`, or the workflow's."""
    whole: Any = _linked().schema
    found: dict[str, Any] = whole["$defs"][name] if name else whole
    return found


def fits(schema: Linked, value: Json) -> bool:
    """Whether a value fits a part of the shipped schemas."""
    return checker(_linked(), schema).fits(value)


# Which keys belong where.


class BodyKeys(NamedTuple):
    """The keys of nodes under which bodies stand: several, by name, or one alone."""

    named: frozenset[str]
    alone: frozenset[str]


@cache
def body_keys() -> BodyKeys:
    """The keys whose values the schemas of the verbs refer to as branches, or as a body or node."""
    parts = [part for verb in VERBS for part in read(f"nodes/{verb}.json")["properties"].items()]
    return BodyKeys(
        frozenset(key for key, part in parts if _refers(part.get("additionalProperties"), "branch")),
        frozenset(key for key, part in parts if _refers(part, "body_or_node")),
    )


def _refers(part: Json, name: str) -> bool:
    """Whether a part of a schema is what the node's schema calls so."""
    return isinstance(part, dict) and part.get("$ref") == f"../node.json#/$defs/{name}"


@cache
def verb_keys(verb: str) -> frozenset[str]:
    """The keys that come with a verb: beside it, and in its value where that has keys of its own."""
    schema = fragment(verb)
    return frozenset([*_keys(schema), *schema["properties"][verb].get("properties", ())])


def node_keys(verb: str) -> frozenset[str]:
    """The keys of a node with this verb."""
    return frozenset([*_keys(fragment(verb)), *_keys(fragment("node")["$defs"]["keys"])])


def inside_keys(verb: str) -> frozenset[str]:
    """The keys in the value of a verb."""
    return frozenset(known_keys(fragment(verb)["properties"][verb], {}, lambda _schema, _value: False))


def _keys(schema: dict[str, Any]) -> list[str]:
    return known_keys(schema, {}, lambda _schema, _value: False)


def belongs(key: str) -> str:
    """Where a key that is unknown in one place may stand; nothing for one that stands nowhere."""
    taking = [verb for verb in VERBS if key in verb_keys(verb)]
    if taking:
        return f"'{key}' belongs to {words.both(taking)} nodes"
    node = fragment("node")["$defs"]
    places = {
        "nodes": _keys(node["keys"]),
        "steps": ["id"],
        "branches of 'parallel'": ["needs"],
        "bodies": _keys(node["body_keys"]),
        "the top of the file": _keys(fragment("")),
    }
    return next((f"'{key}' belongs to {place}" for place, keys in places.items() if key in keys), "")
