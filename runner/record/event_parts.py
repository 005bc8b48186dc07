"""What several events hold."""

from __future__ import annotations

import msgspec

from runner.ground.json_value import Json

Branches = tuple[str, ...] | int
"""A composite's branches: their keys in the order of the file, or for how many items of a list there is one."""


class Write(msgspec.Struct, frozen=True, array_like=True):
    """One contribution to a state key. `how` is `set` or the key's reducer."""

    key: str
    how: str
    value: Json


class Printed(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a program had printed when its attempt was cut off, or a tool's when it ended: the last 64 kB of each."""

    program: str = ""
    stdout: str = ""
    stderr: str = ""


class LeftRunning(msgspec.Struct, frozen=True, omit_defaults=True):
    """A process that a completed step has left running: its id, and its program with its arguments."""

    process: int
    program: str = ""


class Adapted(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a workflow under way gains by another version, inputs and state keys, and those that it loses.

    A number that is held already stands in another form from now on (2 as 2.0).
    """

    inputs: dict[str, Json] = {}
    state: dict[str, Json] = {}
    dropped: tuple[str, ...] = ()
    dropped_inputs: tuple[str, ...] = ()


def branches_of(recorded: Branches | None, memory: dict[str, Json]) -> Branches | None:
    """A composite's branches as they were recorded; an older record has them in the composite's memory."""
    if recorded is not None:
        return recorded
    if "order" in memory:
        return tuple(memory["order"])
    return len(memory["items"]) if "items" in memory else None
