"""The tools that an MCP server has offered: kept when it is first used, and compared with what it offers later."""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from runner.ground.json_value import Json

Tools = Sequence[Mapping[str, Json]]
"""Tools as a server lists them: each a `{name, description, schema}`."""

MOST_LINES = 80
"""How many lines of a difference are shown."""


class ToolList(msgspec.Struct, frozen=True):
    """The tools that a server is known to have since `at` (epoch s), and others that it has `offered` later.

    `server` is how it is reached, `name` what a file calls it.
    """

    server: str
    name: str
    at: float
    tools: list[dict[str, Json]]
    offered: list[dict[str, Json]] | None = None

    @property
    def hash(self) -> str:
        return list_hash(self.tools)


class ToolLists(Protocol):
    """Keeps one list for each server. A store does."""

    def of(self, server: str) -> ToolList | None:
        """The list of a server; None for one that was never used."""

    def all(self) -> list[ToolList]:
        """The lists of all servers, by name."""

    def keep(self, tools: ToolList) -> None:
        """Keep a list in the place of the one before."""


class ListsInMemory:
    """Lists that are gone with the process."""

    def __init__(self) -> None:
        self._lists: dict[str, ToolList] = {}

    def of(self, server: str) -> ToolList | None:
        return self._lists.get(server)

    def all(self) -> list[ToolList]:
        return sorted(self._lists.values(), key=lambda each: (each.name, each.server))

    def keep(self, tools: ToolList) -> None:
        self._lists[tools.server] = tools


def list_hash(tools: Tools) -> str:
    """The SHA-256 of a whole list, in whatever order it was told."""
    return hashlib.sha256("\n".join(sorted(map(served_hash, tools))).encode()).hexdigest()


def served_hash(tool: Mapping[str, Json]) -> str:
    """The SHA-256 of one tool as its server describes it."""
    return hashlib.sha256(json.dumps(tool, sort_keys=True).encode()).hexdigest()


def changes(known: Tools, found: Tools) -> list[str]:
    """What a list differs in, in words: which tools came and went, and which changed what."""
    before, after = ({str(tool["name"]): tool for tool in tools} for tools in (known, found))
    gone = [f"'{name}' is gone" for name in before if name not in after]
    new = [f"'{name}' is new" for name in after if name not in before]
    both = [(name, before[name], tool) for name, tool in after.items() if name in before]
    return [*(_changed(*each) for each in both if each[1] != each[2]), *gone, *new]


def _changed(name: str, before: Mapping[str, Json], after: Mapping[str, Json]) -> str:
    fields = [_CALLED.get(key, key) for key in sorted({*before, *after}) if before.get(key) != after.get(key)]
    return f"'{name}' has another {' and another '.join(fields)}"


_CALLED = {"schema": "input schema"}


def difference(known: Tools, found: Tools) -> str:
    """The lines in which two lists differ."""
    before, after = (_lines(tools) for tools in (known, found))
    lines = list(difflib.unified_diff(before, after, "approved", "offered now", lineterm="", n=2))
    more = [f"… {len(lines) - MOST_LINES} lines more"] if len(lines) > MOST_LINES else []
    return "\n".join((*lines[:MOST_LINES], *more))


def _lines(tools: Tools) -> list[str]:
    ordered = sorted(tools, key=lambda tool: str(tool["name"]))
    return json.dumps(ordered, indent=2, sort_keys=True, ensure_ascii=True).split("\n")
