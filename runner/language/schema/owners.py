"""What a path into a workflow file leads to: the innermost thing on its way that has a name."""

from __future__ import annotations

from typing import NamedTuple

from runner.ground.json_value import Json
from runner.language.schema import words
from runner.language.schema.linked import Path
from runner.language.schema.shipped import VERBS, body_keys

_SECTIONS = {
    "inputs": "input",
    "state": "state key",
    "models": "model",
    "schemas": "schema",
    "agents": "agent",
    "tools": "tool",
    "outputs": "output",
}


class PathOwner(NamedTuple):
    """What a path leads into, in words; the first `depth` steps of the path lead to it."""

    words: str
    depth: int
    is_node: bool = False


def whole(path: Path, data: Json) -> str:
    """`node 'triage'`, `retry of node 'triage'`, `limits.timeout`, `the workflow`."""
    owner = path_owner(path, data)
    rest = words.path_text(path[owner.depth :])
    if not owner.depth:
        return rest or owner.words
    return f"{rest} of {owner.words}" if rest else owner.words


def path_owner(path: Path, data: Json) -> PathOwner:
    """The innermost thing that has a name on the way along a path."""
    match path:
        case (str(section), str(name), *_) if section in _SECTIONS:
            owner = PathOwner(f"{_SECTIONS[section]} '{name}'", 2)
        case (("rescue" | "finally") as key, *_):
            owner = PathOwner(f"'{key}'", 1, True)
        case _:
            owner = PathOwner("the workflow", 0)
    while inner := _inner(owner, path, data):
        owner = inner
    return owner


def _inner(owner: PathOwner, path: Path, data: Json) -> PathOwner | None:
    """The node, branch or body that the path enters next within `owner`."""
    match path[owner.depth :]:
        case ("nodes", str(name), *_) if owner.is_node or not owner.depth:
            return PathOwner(f"node '{name}'", owner.depth + 2, True)
        case ("on_crash", "check", *_):
            return PathOwner(f"the check of {owner.words}", owner.depth + 2, True)
        case (str(key), str(name), *_) if owner.is_node and key in body_keys().named:
            return PathOwner(f"branch '{name}'", owner.depth + 2, True)
        case ("steps", int(position), *_) if owner.is_node or not owner.depth:
            step = at(data, path[: owner.depth + 2])
            called = step.get("id", f"s{position + 1}") if isinstance(step, dict) else f"s{position + 1}"
            return PathOwner(f"step '{called}'", owner.depth + 2, True)
        case (str(key), *_) if owner.is_node and key in body_keys().alone:
            return PathOwner(f"'{key}' of {owner.words}", owner.depth + 1, True)
        case _:
            return None


def is_node(path: Path, data: Json) -> bool:
    """Whether a path leads to a node, or to a body in the place of one."""
    owner = path_owner(path, data)
    return owner.is_node and owner.depth == len(path)


def at(data: Json, path: Path) -> Json:
    """The value at a path."""
    for step in path:
        data = data[step]
    return data


def verbs(data: Json, path: Path) -> list[str]:
    """The verbs among the keys at a path."""
    return [key for key in at(data, path) if key in VERBS]
