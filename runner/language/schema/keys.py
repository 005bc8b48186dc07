"""The verbs, and which keys belong where: read off the shipped schemas."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

from runner.ground.json_value import Json
from runner.language.schema import shipped, words
from runner.language.schema.evaluated import known_keys
from runner.language.schema.shipped import VERBS, read


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
    schema = shipped.fragment(verb)
    return frozenset([*_keys(schema), *schema["properties"][verb].get("properties", ())])


def _keys(schema: dict[str, Any]) -> list[str]:
    return known_keys(schema, {}, lambda _schema, _value: False)


def belongs(key: str) -> str:
    """Where a key that is unknown in one place may stand; nothing for one that stands nowhere."""
    taking = [verb for verb in VERBS if key in verb_keys(verb)]
    if taking:
        return f"'{key}' belongs to {words.both(taking)} nodes"
    node = shipped.fragment("node")["$defs"]
    places = {
        "nodes": _keys(node["keys"]),
        "steps": ["id"],
        "branches of 'parallel'": ["needs"],
        "bodies": _keys(node["body_keys"]),
        "the top of the file": _keys(shipped.fragment("")),
    }
    return next((f"'{key}' belongs to {place}" for place, keys in places.items() if key in keys), "")
