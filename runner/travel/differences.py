"""What differs: between two states, two versions of a workflow, or the texts of two. Pure."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping
from typing import Literal

import msgspec

from runner.ground.json_value import Json
from runner.workflow.fingerprint import fingerprint
from runner.workflow.model import Node, Workflow

States = Mapping[str, Mapping[str, Json]]
"""The states of a run by address, as `runner.record.history.states` gives them."""

How = Literal["added", "removed", "changed"]
MARKS: dict[How, str] = {"added": "+", "removed": "-", "changed": "~"}


class Difference(msgspec.Struct, frozen=True):
    """One place that differs: `path` as expressions write it, or a node's place in its file.

    `sides` holds the value `before` and that `after`, those that there are.
    """

    path: str
    how: How
    sides: Mapping[str, Json] = msgspec.field(default_factory=dict)

    def as_json(self) -> dict[str, Json]:
        """The difference as JSON."""
        return {"path": self.path, "how": self.how, **self.sides}

    def __str__(self) -> str:
        words = " → ".join(json.dumps(side, ensure_ascii=False) for side in self.sides.values())
        return f"{MARKS[self.how]} {self.path}{f': {words}' if words else ''}"


def _added(path: str, after: Json) -> Difference:
    return Difference(path, "added", {"after": after})


def _removed(path: str, before: Json) -> Difference:
    return Difference(path, "removed", {"before": before})


def state_differences(before: States, after: States) -> list[Difference]:
    """What became of each key; within objects and lists, of each part. Of two runs, the states that both have open."""
    found: list[Difference] = []
    for address in before:
        if address in after:
            found += _mappings(f"{address}.state" if address else "state", before[address], after[address])
    return found


def _differences(path: str, before: Json, after: Json) -> Iterator[Difference]:
    if isinstance(before, dict) and isinstance(after, dict):
        yield from _mappings(path, before, after)
    elif isinstance(before, list) and isinstance(after, list):
        yield from _lists(path, before, after)
    elif type(before) is not type(after) or before != after:
        yield Difference(path, "changed", {"before": before, "after": after})


def _mappings(path: str, before: Mapping[str, Json], after: Mapping[str, Json]) -> Iterator[Difference]:
    for key in dict.fromkeys([*before, *after]):
        place = f"{path}.{key}" if key.isidentifier() else f"{path}[{json.dumps(key, ensure_ascii=False)}]"
        if key not in before:
            yield _added(place, after[key])
        elif key not in after:
            yield _removed(place, before[key])
        else:
            yield from _differences(place, before[key], after[key])


def _lists(path: str, before: list[Json], after: list[Json]) -> Iterator[Difference]:
    for index, (old, new) in enumerate(zip(before, after, strict=False)):
        yield from _differences(f"{path}[{index}]", old, new)
    shared = min(len(before), len(after))
    yield from (_removed(f"{path}[{index}]", before[index]) for index in range(shared, len(before)))
    yield from (_added(f"{path}[{index}]", after[index]) for index in range(shared, len(after)))


def version_differences(before: Workflow, after: Workflow) -> list[Difference]:
    """The nodes that one version has and the other has not, and those that say something else."""
    old, new = _nodes(before), _nodes(after)
    found: list[Difference] = []
    for place in dict.fromkeys([*old, *new]):
        if place not in old:
            found.append(Difference(place, "added"))
        elif place not in new:
            found.append(Difference(place, "removed"))
        elif fingerprint(old[place], before) != fingerprint(new[place], after):
            found.append(Difference(place, "changed"))
    return found


def _nodes(workflow: Workflow) -> dict[str, Node]:
    return {node.key: node for node in workflow.nodes}


def text_differences(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[str]:
    """The files' texts, as a unified diff. The first file of each side is the root file, whatever it is called."""
    pairs = {(next(iter(before)), next(iter(after))): None}
    pairs.update(dict.fromkeys((file, file) for file in [*before, *after] if file not in next(iter(pairs))))
    for old, new in pairs:
        lines = (before.get(old, "").splitlines(), after.get(new, "").splitlines())
        yield from difflib.unified_diff(*lines, fromfile=f"a/{old}", tofile=f"b/{new}", lineterm="")
