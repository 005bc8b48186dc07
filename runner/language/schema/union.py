"""The verbs that have a schema of their own, and the schema of a node, which is that of its verb."""

from __future__ import annotations

import json
import posixpath
from functools import cache

from runner.ground import resources
from runner.ground.json_value import Json

UNION = "verb.json"


def read(file: str) -> dict[str, Json]:
    """A shipped file under `schemas/`."""
    document: dict[str, Json] = json.loads((resources.data("schemas") / file).read_text(encoding="utf-8"))
    return document


@cache
def verbs() -> tuple[str, ...]:
    """Every verb that has a schema of its own, in the order in which a node's keys are searched for one."""
    found, link = [], read(UNION)
    while "if" in link:
        found += link["if"]["required"]
        link = link["else"]
    files = sorted(path.stem for path in (resources.data("schemas") / "nodes").iterdir())
    return (*found, *(verb for verb in files if verb not in {*found, _stem(link)}))


def _stem(link: dict[str, Json]) -> str:
    """The name of the file that a link refers to."""
    return posixpath.basename(str(link["$ref"])).removesuffix(".json")


def union() -> dict[str, Json]:
    """What a node may be: the schema of the first verb that it has, or that of a node without a verb.

    `write` puts it into the file of that name, for editors.
    """
    schema: dict[str, Json] = {"$ref": "nodes/none.json"}
    for verb in reversed(verbs()):
        schema = {"if": {"required": [verb]}, "then": {"$ref": f"nodes/{verb}.json"}, "else": schema}
    comment = "The first verb found decides what else may stand on the node, so a second one is an unknown key."
    return {"$comment": comment, **schema}


def write() -> None:
    """Write the union of all schemas of verbs that are there."""
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Verb"}
    text = json.dumps({**head, **union()}, indent=2)
    (resources.data("schemas") / UNION).write_text(f"{text}\n", encoding="utf-8")
